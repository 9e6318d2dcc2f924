package dev.questspark.job.options;

import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.options.Choices.QuestionAttention;
import java.io.Serializable;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * What {@link dev.questspark.job.options.keys.SelectionKeys} say.
 *
 * @param policies in full; empty where the other options say them in parts
 * @param cachePolicies what becomes of a document's keys and values: one, or those that a
 *     measurement compares, {@code none} first
 * @param selectors names of policies
 * @param kvBudgets combined with each selector
 * @param pages what all of these policies share
 * @param questionAttention whether the question's tokens read through the selector
 */
public record SelectionOptions(
    List<ReadPolicy> policies,
    List<CachePolicy> cachePolicies,
    List<String> selectors,
    List<KvBudget> kvBudgets,
    PageRule pages,
    QuestionAttention questionAttention)
    implements Serializable {

  /** Parameters that every policy of a run shares. */
  public record PageRule(
      PageScore score,
      GroupReduction groupReduction,
      int sinkTokens,
      int recentTokens,
      int skipLayers,
      int minContext)
      implements Serializable {}

  /**
   * That of a run, which has one.
   *
   * @throws IllegalStateException for a measurement that compares several
   */
  public CachePolicy cachePolicy() {
    if (cachePolicies.size() != 1) {
      throw new IllegalStateException(cachePolicies + " are several cache policies");
    }
    return cachePolicies.get(0);
  }

  /** The same with other policies, of questions and of documents. */
  public SelectionOptions of(List<ReadPolicy> read, List<CachePolicy> cache) {
    return new SelectionOptions(read, cache, selectors, kvBudgets, pages, questionAttention);
  }

  /** The same with other policies of documents. */
  SelectionOptions withCachePolicies(UnaryOperator<CachePolicy> change) {
    return new SelectionOptions(
        policies,
        cachePolicies.stream().map(change).distinct().toList(),
        selectors,
        kvBudgets,
        pages,
        questionAttention);
  }

  /** Whether the question's tokens read everything. */
  public boolean denseQuestion() {
    return questionAttention == QuestionAttention.DENSE;
  }
}
