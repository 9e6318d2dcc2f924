package dev.questspark.engine.schedule;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random documents over random steps: every row is read once, in order, in one place. */
class ReadingQueueTest {
  private static final int STEPS = 100_000;

  /** What a document has had so far. */
  private static final class Played {
    final ReadingWork work;
    int place = -1;
    int question;
    int next;

    Played(ReadingWork work) {
      this.work = work;
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void readsEveryRowOnceInOrder(int places) {
    Random random = new Random(places);
    ReadingQueue queue = new ReadingQueue(places);
    Map<Long, Played> live = new LinkedHashMap<>();
    Map<Integer, Long> held = new HashMap<>();
    long nextId = 0;
    int ended = 0;
    int cancelled = 0;
    for (int step = 0; step < STEPS; step++) {
      if (live.size() < 6 && random.nextInt(4) == 0) {
        List<Integer> questions = new ArrayList<>();
        for (int q = 0; q <= random.nextInt(4); q++) {
          questions.add(1 + random.nextInt(30));
        }
        ReadingWork work =
            new ReadingWork(
                nextId++, 1 + random.nextInt(200), questions, Math.max(0, random.nextInt(8) - 4));
        live.put(work.id(), new Played(work));
        queue.add(work);
      }
      if (!live.isEmpty() && random.nextInt(40) == 0) {
        List<Long> ids = List.copyOf(live.keySet());
        long id = ids.get(random.nextInt(ids.size()));
        assertThat(queue.cancel(id)).isTrue();
        assertThat(queue.cancel(id)).isFalse();
        held.values().remove(id);
        live.remove(id);
        cancelled++;
      }
      int rows = random.nextInt(64);
      List<ReadingSpan> spans = queue.next(rows);
      assertThat(spans.stream().mapToInt(ReadingSpan::tokens).sum()).isLessThanOrEqualTo(rows);
      assertThat(spans.isEmpty()).isEqualTo(rows == 0 || live.isEmpty());
      Set<Long> inStep = new TreeSet<>();
      for (ReadingSpan span : spans) {
        assertThat(inStep.add(span.id())).isTrue();
        Played played = live.get(span.id());
        if (played.place < 0) {
          played.place = span.place();
          assertThat(held.put(span.place(), span.id())).as("a place held twice").isNull();
          for (Played earlier : live.values()) { // first come, first read
            if (earlier == played) {
              break;
            }
            assertThat(earlier.place).isGreaterThanOrEqualTo(0);
          }
        }
        assertThat(span.place()).isEqualTo(played.place).isLessThan(places);
        assertThat(span.question()).isEqualTo(played.question);
        assertThat(span.firstPosition()).isEqualTo(played.next);
        assertThat(span.tokens()).isPositive();
        played.next += span.tokens();
        List<Integer> questions = played.work.questionTokens();
        int draft = played.work.documentTokens() + questions.get(played.question);
        int end = draft + played.work.drafted();
        if (span.firstPosition() < draft) {
          assertThat(played.next)
              .as("nothing is read that is not drafted yet")
              .isLessThanOrEqualTo(draft);
        } else {
          assertThat(span.tokens()).isEqualTo(1);
        }
        assertThat(span.drafts()).isEqualTo(played.next >= draft && played.next < end);
        assertThat(span.endsQuestion()).isEqualTo(played.next == end);
        assertThat(span.endsDocument())
            .isEqualTo(played.next == end && played.question + 1 == questions.size());
        if (span.endsQuestion()) {
          played.question++;
          played.next = played.work.documentTokens();
        }
        if (span.endsDocument()) {
          held.remove(span.place());
          live.remove(span.id());
          ended++;
        }
      }
      assertThat(queue.idle()).isEqualTo(live.isEmpty());
    }
    assertThat(ended).isGreaterThan(1000);
    assertThat(cancelled).isGreaterThan(100);
  }
}
