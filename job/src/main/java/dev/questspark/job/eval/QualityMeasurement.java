package dev.questspark.job.eval;

import dev.questspark.engine.Completion;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.reader.TokenChoice;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.eval.rows.QualityRow;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;

/**
 * How one kind of document is asked, and what its answers come to. It is asked under one cache
 * policy after the other; the first is that of the reference, which the others are held against.
 */
interface QualityMeasurement {

  /**
   * What is asked after one prefill.
   *
   * @param tokens prefilled
   * @param requests asked after them
   * @param rows what the answers come to
   */
  record Pass(
      int[] tokens,
      List<QuestionRequest> requests,
      Function<List<CompletableFuture<Completion>>, List<QualityRow>> rows) {}

  /**
   * What is asked under a cache policy.
   *
   * @param policies of the questions, at least one
   */
  List<Pass> passes(CachePolicy cache, List<ReadPolicy> policies);

  /** What stands around the document and the questions, or in for these. */
  default TokenChoice choice() {
    return TokenChoice.PLAIN;
  }

  /** Rows of the questions that no pass asks. */
  default List<QualityRow> refused(CachePolicy cache, List<ReadPolicy> policies) {
    return List.of();
  }

  /** What speed is measured on, the first pass's tokens; empty where there is nothing to time. */
  default Optional<TokenizedEvalDocument> timed() {
    return Optional.empty();
  }

  /** A question whose attention is watched; empty where none is. */
  default Optional<WatchedQuestion> watch() {
    return Optional.empty();
  }

  /** The answers, or what the engine had against the document. */
  static List<QualityRow> rows(
      List<CompletableFuture<Completion>> futures,
      Function<List<Completion>, List<QualityRow>> answered,
      Function<Defect, List<QualityRow>> refused) {
    Optional<Defect> defect = defect(futures);
    return defect.isPresent()
        ? refused.apply(defect.get())
        : answered.apply(futures.stream().map(CompletableFuture::join).toList());
  }

  /** Waits for all of them; what the engine had against the document. */
  static Optional<Defect> defect(List<CompletableFuture<Completion>> futures) {
    try {
      futures.forEach(CompletableFuture::join);
      return Optional.empty();
    } catch (CompletionException failure) {
      if (failure.getCause() instanceof DocumentException refused) {
        return Optional.of(new Defect(refused.code(), refused.getMessage()));
      }
      throw failure;
    }
  }
}
