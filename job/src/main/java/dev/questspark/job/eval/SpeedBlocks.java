package dev.questspark.job.eval;

import dev.questspark.engine.Completion;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.eval.rows.SpeedRow;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * Speed on one prefill of a document: batch after batch, each of one policy and as many rows as the
 * engine runs at once.
 *
 * <p>The engine starts questions in their order as seats come free. A batch fills all seats, its
 * rows start together and generate equally many tokens, end of sequence or not, so they end
 * together and the next batch has the engine to itself. That this happened is checked from the
 * clocks.
 *
 * <pre>
 * prefill | warm-up | policy 1 | policy 2 | ... | policy 1 | policy 2 | ...
 *                     repetition 0                repetition 1
 * </pre>
 */
final class SpeedBlocks {
  private static final double NANOS_PER_MS = 1e6;
  private static final int WARM_UP_TOKENS = 2;

  private final List<ReadPolicy> policies;
  private final CachePolicy cachePolicy;
  private final int firstRepetition;
  private final int repetitions;
  private final int batch;
  private final int newTokens;

  /**
   * @param firstRepetition number of the first repetition on this prefill, from 0
   * @param repetitions on this prefill
   */
  SpeedBlocks(
      List<ReadPolicy> policies,
      CachePolicy cachePolicy,
      int firstRepetition,
      int repetitions,
      int batch,
      int newTokens) {
    this.policies = policies;
    this.cachePolicy = cachePolicy;
    this.firstRepetition = firstRepetition;
    this.repetitions = repetitions;
    this.batch = batch;
    this.newTokens = newTokens;
  }

  /** Rows of all batches, the warm-up first; questions are taken in turn to fill a batch. */
  List<QuestionRequest> requests(List<int[]> questions, boolean denseQuestion) {
    List<QuestionRequest> rows = new ArrayList<>();
    add(rows, questions, policies.get(0), denseQuestion, WARM_UP_TOKENS);
    for (int repetition = 0; repetition < repetitions; repetition++) {
      for (ReadPolicy policy : policies) {
        add(rows, questions, policy, denseQuestion, newTokens);
      }
    }
    return rows;
  }

  private void add(
      List<QuestionRequest> rows,
      List<int[]> questions,
      ReadPolicy policy,
      boolean denseQuestion,
      int tokens) {
    SamplingParams endless = SamplingParams.endless(tokens);
    for (int i = 0; i < batch; i++) {
      rows.add(
          new QuestionRequest(questions.get(i % questions.size()), policy, denseQuestion, endless));
    }
  }

  /**
   * The batches' clocks.
   *
   * @param completions of {@link #requests}, in order
   * @param prefillNanos the document's prefill
   * @throws ConfigException when a batch did not run as one
   */
  List<SpeedRow> rows(
      String docId, TokenizedEvalDocument prompt, List<Completion> completions, long prefillNanos) {
    List<SpeedRow> rows = new ArrayList<>();
    for (int first = batch; first < completions.size(); first += batch) {
      List<Completion> before = completions.subList(first - batch, first);
      List<Completion> block = completions.subList(first, first + batch);
      checkAlone(docId, before, block);
      rows.add(row(docId, prompt, before, block, prefillNanos, first / batch - 1));
    }
    return rows;
  }

  /**
   * @param index of the block, the warm-up aside
   */
  private SpeedRow row(
      String docId,
      TokenizedEvalDocument prompt,
      List<Completion> before,
      List<Completion> block,
      long prefillNanos,
      int index) {
    Completion first = block.get(0);
    long start = max(before, c -> c.timings().e2eNanos());
    long firstToken = max(block, c -> c.timings().ttftNanos());
    long end = max(block, c -> c.timings().e2eNanos());
    double promptTokens =
        block.stream().mapToInt(c -> c.usage().promptTokens()).average().orElseThrow();
    int questionTokens =
        block.stream().mapToInt(c -> c.usage().promptTokens() - prompt.document().length).sum();
    SpeedRow.Times times =
        new SpeedRow.Times(
            first.timings().queueNanos() / NANOS_PER_MS,
            prefillNanos / NANOS_PER_MS,
            questionTokens,
            (firstToken - start) / NANOS_PER_MS,
            (end - firstToken) / NANOS_PER_MS);
    SpeedRow.Reads reads =
        new SpeedRow.Reads(
            block.stream().mapToLong(c -> c.reads().bytesRead()).sum(),
            block.stream().mapToLong(c -> c.reads().bytesDense()).sum());
    return new SpeedRow(
        docId,
        firstRepetition + index / policies.size(),
        PolicyColumns.of(policies.get(index % policies.size()), cachePolicy),
        new SpeedRow.Load(prompt.document().length, promptTokens, batch, newTokens),
        times,
        reads);
  }

  private void checkAlone(String docId, List<Completion> before, List<Completion> block) {
    long beforeEnds = max(before, c -> c.timings().e2eNanos());
    long firstToken = min(block, c -> c.timings().ttftNanos());
    long lastFirstToken = max(block, c -> c.timings().ttftNanos());
    long firstEnd = min(block, c -> c.timings().e2eNanos());
    long end = max(block, c -> c.timings().e2eNanos());
    // rows of one step share its clock reading, up to the arithmetic on it
    boolean together = lastFirstToken == firstToken && end == firstEnd;
    if (firstToken <= beforeEnds || !together) {
      throw new ConfigException(
          "document "
              + docId
              + ": "
              + batch
              + " rows of one policy did not run as one batch, so their speed would be a mixture;"
              + " raise kv_cache_memory_bytes or max_num_batched_tokens, or lower max_num_seqs");
    }
  }

  private static long max(List<Completion> block, ToLongFunction<Completion> clock) {
    return block.stream().mapToLong(clock).max().orElseThrow();
  }

  private static long min(List<Completion> block, ToLongFunction<Completion> clock) {
    return block.stream().mapToLong(clock).min().orElseThrow();
  }
}
