package dev.questspark.job.executor;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.select.PageSelectors;
import dev.questspark.engine.select.SelectorSpec;
import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.JobOptions;
import dev.questspark.job.options.KvBudget;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** The (selector, budget) pairs of a run: each answers every question on one shared prefill. */
public final class Policies {
  private Policies() {}

  /**
   * Every selector with every numeric budget; {@code all} and the budget {@code full} are the same
   * one dense policy, which comes first.
   *
   * @throws ConfigException when a selector is unknown, or a budget too small for what it must keep
   */
  public static List<SelectorSpec> of(JobOptions options) {
    List<KvBudget> budgets = options.get(JobKeys.KV_BUDGETS);
    Set<String> selectors = new LinkedHashSet<>(options.get(JobKeys.SELECTORS));
    Set<SelectorSpec> policies = new LinkedHashSet<>();
    if (selectors.contains("all") || budgets.stream().anyMatch(KvBudget::full)) {
      policies.add(SelectorSpec.all());
    }
    for (String selector : selectors) {
      for (KvBudget budget : budgets) {
        if (!selector.equals("all") && !budget.full()) {
          policies.add(sparse(options, selector, budget.tokens()));
        }
      }
    }
    if (policies.isEmpty()) {
      throw new ConfigException(
          "--selectors and --kv-budgets name no page selection; give for example --selectors all.");
    }
    policies.forEach(policy -> PageSelectors.of(policy, options.get(JobKeys.PAGE_SIZE)));
    return new ArrayList<>(policies);
  }

  /** What Spark's UI and history show of a job: every policy by selector and budget. */
  public static String shown(List<SelectorSpec> policies) {
    return policies.stream()
        .map(policy -> policy.selector() + " " + (policy.dense() ? "full" : policy.kvBudget()))
        .distinct()
        .collect(Collectors.joining(", "));
  }

  /** Digest pairs the engine must keep. */
  static Set<PageScore> pageScores(List<SelectorSpec> policies) {
    return policies.stream()
        .filter(policy -> policy.selector().equals("quest"))
        .map(SelectorSpec::pageScore)
        .collect(Collectors.toSet());
  }

  private static SelectorSpec sparse(JobOptions options, String selector, int budgetTokens) {
    return new SelectorSpec(
        selector,
        budgetTokens,
        options.get(JobKeys.PAGE_SCORE),
        options.get(JobKeys.GROUP_REDUCTION),
        options.get(JobKeys.KV_SINK_TOKENS),
        options.get(JobKeys.KV_RECENT_TOKENS),
        options.get(JobKeys.SPARSE_SKIP_LAYERS),
        options.get(JobKeys.SPARSE_MIN_CONTEXT));
  }
}
