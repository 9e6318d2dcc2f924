package dev.questspark.job.answer;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;

/**
 * The columns that name a policy, alike in every table.
 *
 * @param policy canonical text of what the question's steps read
 * @param cachePolicy canonical text of what became of the document's keys and values
 * @param kvBudget tokens per KV head and layer; null without a fixed number
 */
public record PolicyColumns(String policy, String cachePolicy, Integer kvBudget) {
  /** Their names in Parquet. */
  public static final String POLICY = "policy";

  public static final String CACHE_POLICY = "cache_policy";
  public static final String KV_BUDGET = "kv_budget";

  /** The columns of a policy. */
  public static PolicyColumns of(ReadPolicy policy, CachePolicy cachePolicy) {
    return new PolicyColumns(
        policy.text(),
        cachePolicy.text(),
        policy.kvBudget().isPresent() ? policy.kvBudget().getAsInt() : null);
  }
}
