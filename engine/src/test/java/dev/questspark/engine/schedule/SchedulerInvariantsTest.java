package dev.questspark.engine.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random workloads over random limits, checked after every call by {@link PlayedScheduler}: pages
 * free or held exactly as counted, one writer per page, every position computed once and in order,
 * every slot read holds the right token, limits kept, first in first out. The tallies at the end
 * make sure that the hard cases really came up.
 */
class SchedulerInvariantsTest {
  private static final int STEPS = 60_000;

  private int cancelled;
  private int refused;
  private int stoppedEarly;
  private long nextId = 1;

  @ParameterizedTest(name = "overcommit {0}")
  @ValueSource(booleans = {false, true})
  void randomWorkloadsKeepEveryPageAccountedForAndEndWithAllFree(boolean overcommit) {
    int steps = 0;
    int preemptions = 0;
    int evictions = 0;
    int copies = 0;
    int compressions = 0;
    for (int seed = 0; steps < STEPS; seed++) {
      PlayedScheduler played = playOne(new Random(seed), overcommit);
      steps += played.steps;
      preemptions += played.preemptions;
      evictions += played.evictions;
      copies += played.copies;
      compressions += played.compressions;
    }
    assertThat(List.of(cancelled, refused, stoppedEarly, copies, compressions))
        .allMatch(count -> count > 100);
    if (overcommit) {
      assertThat(preemptions).isGreaterThan(1000);
      assertThat(evictions).isGreaterThan(10);
    } else {
      assertThat(preemptions + evictions).isZero();
    }
  }

  private PlayedScheduler playOne(Random random, boolean overcommit) {
    int pageSize = random.nextInt(4) == 0 ? 1 : 1 + random.nextInt(16);
    int seqs = 1 + random.nextInt(8);
    int rows = random.nextInt(3) == 0 ? 1 + random.nextInt(4) : 1 + random.nextInt(64);
    int longest = 1 + random.nextInt(60);
    int pages = 2 + (longest * (1 + random.nextInt(3))) / pageSize;
    SchedulerLimits limits = new SchedulerLimits(pageSize, seqs, rows, overcommit);
    int[] stores = {1 + random.nextInt(30), 1 + random.nextInt(8)};
    PlayedScheduler played = new PlayedScheduler(limits, pages, stores);

    int submissions = 20 + random.nextInt(40);
    double cancelRate = random.nextInt(3) == 0 ? 0.05 : 0.002;
    double stopRate = random.nextInt(3) == 0 ? 0 : 0.1;
    int stepsSinceAnEnd = 0;
    while (submissions > 0 || !played.live.isEmpty()) {
      if (submissions > 0 && (played.live.isEmpty() || random.nextInt(3) == 0)) {
        submissions--;
        refused += played.submit(randomDocument(random, longest, rows - seqs, pageSize)) ? 0 : 1;
        continue;
      }
      int waitingAndRunning = unfinished(played);
      maybeCancel(played, random, cancelRate);
      if (!played.live.isEmpty()) {
        playStep(played, random, cancelRate, stopRate);
      }
      stepsSinceAnEnd = unfinished(played) < waitingAndRunning ? 0 : stepsSinceAnEnd + 1;
      assertThat(stepsSinceAnEnd)
          .as("steps since a question ended")
          .isLessThan(longestWait(longest, seqs));
    }
    assertThat(played.scheduler.idle()).isTrue();
    assertThat(played.scheduler.next()).isEmpty();
    assertThat(played.scheduler.running() + played.scheduler.waiting()).isZero();
    assertThat(played.pool.free()).isEqualTo(pages);
    assertThat(played.freePrefixPages()).isEqualTo(stores[0] + stores[1]);
    return played;
  }

  /**
   * Some question ends at least this often: at worst every sequence in flight takes one row a step
   * for a document, a question and an answer of the largest size.
   */
  private static int longestWait(int longest, int seqs) {
    return (longest + 24 + 24) * (seqs + 1);
  }

  private static int unfinished(PlayedScheduler played) {
    return played.scheduler.waiting() + played.scheduler.runQueue().running.size();
  }

  private void playStep(PlayedScheduler played, Random random, double cancelRate, double stopRate) {
    List<Long> sampled = played.next();
    maybeCancel(played, random, cancelRate);
    Set<Long> stopped = new HashSet<>();
    for (long question : sampled) {
      if (random.nextDouble() < stopRate) {
        stopped.add(question);
        stoppedEarly++;
      }
    }
    played.complete(sampled, stopped);
  }

  private void maybeCancel(PlayedScheduler played, Random random, double cancelRate) {
    if (!played.live.isEmpty() && random.nextDouble() < cancelRate) {
      List<Long> live = new ArrayList<>(played.live.keySet());
      played.cancel(live.get(random.nextInt(live.size())));
      cancelled++;
    }
  }

  /**
   * @param largestSegment at most; less than 1 for none
   */
  private DocumentWork randomDocument(
      Random random, int longest, int largestSegment, int pageSize) {
    int tokens = random.nextInt(5) == 0 ? 0 : random.nextInt(longest + 1);
    List<QuestionWork> questions = new ArrayList<>();
    long document = nextId++;
    for (int i = 1 + random.nextInt(6); i > 0; i--) {
      int question = 1 + random.nextInt(random.nextBoolean() ? 4 : 24);
      questions.add(new QuestionWork(nextId++, question, 1 + random.nextInt(24)));
    }
    boolean segmented = largestSegment > 0 && random.nextBoolean();
    int segment = segmented ? 1 + random.nextInt(largestSegment) : 1;
    int pages = tokens / pageSize;
    Optional<PrefixWork> prefix =
        pages == 0 || random.nextInt(3) > 0
            ? Optional.empty()
            : Optional.of(
                new PrefixWork(
                    pageSize * (1 + random.nextInt(pages)),
                    random.nextInt(2),
                    1 + random.nextInt(10),
                    random.nextInt(4)));
    return new DocumentWork(document, tokens, segment, questions, prefix);
  }
}
