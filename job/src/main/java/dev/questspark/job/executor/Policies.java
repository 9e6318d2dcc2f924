package dev.questspark.job.executor;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.select.PageSelectors;
import dev.questspark.engine.select.SelectorSpec;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.KvBudget;
import dev.questspark.job.options.SelectionOptions;
import dev.questspark.job.options.SelectionOptions.PageRule;
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
  public static List<SelectorSpec> of(InferenceOptions options) {
    SelectionOptions selection = options.selection();
    List<KvBudget> budgets = selection.kvBudgets();
    Set<String> selectors = new LinkedHashSet<>(selection.selectors());
    Set<SelectorSpec> policies = new LinkedHashSet<>();
    if (selectors.contains("all") || budgets.stream().anyMatch(KvBudget::full)) {
      policies.add(SelectorSpec.all());
    }
    for (String selector : selectors) {
      for (KvBudget budget : budgets) {
        if (!selector.equals("all") && !budget.full()) {
          policies.add(sparse(selection.pages(), selector, budget.tokens()));
        }
      }
    }
    if (policies.isEmpty()) {
      throw new ConfigException(
          "--selectors and --kv-budgets name no page selection; give for example --selectors all.");
    }
    policies.forEach(policy -> PageSelectors.of(policy, options.engine().batching().pageSize()));
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

  private static SelectorSpec sparse(PageRule rule, String selector, int budgetTokens) {
    return new SelectorSpec(
        selector,
        budgetTokens,
        rule.score(),
        rule.groupReduction(),
        rule.sinkTokens(),
        rule.recentTokens(),
        rule.skipLayers(),
        rule.minContext());
  }
}
