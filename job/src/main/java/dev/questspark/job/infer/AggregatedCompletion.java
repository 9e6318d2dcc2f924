package dev.questspark.job.infer;

import dev.questspark.engine.Completion;
import dev.questspark.engine.Completion.KvReads;
import dev.questspark.engine.Completion.Timings;
import dev.questspark.engine.Completion.Usage;
import dev.questspark.engine.tokens.ReasoningMarks;
import dev.questspark.engine.tokens.ReasoningMarks.Parts;
import dev.questspark.job.answer.Answer.Attended;
import dev.questspark.job.answer.Answer.Outcome;
import dev.questspark.job.answer.Answer.Reasoning;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The completions behind one answer: one, or with map_reduce those of the chunks and the last. */
final class AggregatedCompletion {
  private final List<Completion> completions = new ArrayList<>();
  private final List<Parts> parts = new ArrayList<>();

  /** Adds a completion, taken apart; returns its answer. */
  String add(Completion completion, ReasoningMarks reasoning) {
    Parts apart = reasoning.split(completion.tokens(), completion.text());
    completions.add(completion);
    parts.add(apart);
    return apart.answer();
  }

  /**
   * Tokens, reads and working times summed; the queue is the first completion's, text and reason
   * are the last one's.
   *
   * @param startedNanos when the row was submitted, on this JVM's monotonic clock
   * @param layersTimesHeads layers x KV heads of the model
   */
  Outcome outcome(long startedNanos, int layersTimesHeads) {
    Completion last = completions.get(completions.size() - 1);
    return new Outcome(
        parts.get(parts.size() - 1).answer(),
        reasoning(),
        last.finishReason().name().toLowerCase(Locale.ROOT),
        usage(),
        completions.size() == 1 ? last.timings() : timings(startedNanos, last.timings()),
        reads(),
        prefill(),
        new Attended(
            pagesAttendedMean(layersTimesHeads), reads().tokensAttendedMean(layersTimesHeads)));
  }

  private Reasoning reasoning() {
    return new Reasoning(
        parts.get(parts.size() - 1).reasoning().orElse(null),
        parts.stream().mapToInt(Parts::reasoningTokens).sum(),
        parts.stream().allMatch(Parts::finished));
  }

  private Usage usage() {
    int prompt = 0;
    int generated = 0;
    int cached = 0;
    int read = 0;
    int kept = 0;
    int computed = 0;
    Completion.Union union = Completion.Union.NONE;
    for (Completion completion : completions) {
      prompt += completion.usage().promptTokens();
      generated += completion.usage().completionTokens();
      cached += completion.usage().cachedTokens();
      read += completion.usage().readTokens();
      kept += completion.usage().keptTokens();
      computed += completion.usage().computedTokens();
      union = union.plus(completion.usage().union());
    }
    return new Usage(prompt, generated, cached, read, kept, computed, union);
  }

  private Timings timings(long startedNanos, Timings last) {
    long reading = 0;
    long prefill = 0;
    long decode = 0;
    int preemptions = 0;
    for (Completion completion : completions) {
      reading += completion.timings().readingNanos();
      prefill += completion.timings().prefillNanos();
      decode += completion.timings().decodeNanos();
      preemptions += completion.timings().preemptions();
    }
    long whole = System.nanoTime() - startedNanos;
    long toFirstToken = whole - (last.e2eNanos() - last.ttftNanos());
    long queue = completions.get(0).timings().queueNanos();
    return new Timings(queue, reading, prefill, toFirstToken, decode, whole, preemptions);
  }

  private KvReads reads() {
    KvReads sum = completions.get(0).reads();
    for (Completion completion : completions.subList(1, completions.size())) {
      KvReads next = completion.reads();
      sum =
          new KvReads(
              next.pagesTotal(),
              sum.pagesScored() + next.pagesScored(),
              sum.pagesAttended() + next.pagesAttended(),
              sum.tokensAttended() + next.tokensAttended(),
              sum.bytesRead() + next.bytesRead(),
              sum.bytesDense() + next.bytesDense(),
              sum.sparseSteps() + next.sparseSteps(),
              sum.denseSteps() + next.denseSteps());
    }
    return sum;
  }

  private Completion.Prefill prefill() {
    return completions.stream()
        .map(Completion::prefill)
        .reduce(Completion.Prefill.NONE, Completion.Prefill::plus);
  }

  private double pagesAttendedMean(int layersTimesHeads) {
    KvReads reads = reads();
    long steps = (long) reads.sparseSteps() + reads.denseSteps();
    return steps == 0 ? 0 : (double) reads.pagesAttended() / (steps * layersTimesHeads);
  }
}
