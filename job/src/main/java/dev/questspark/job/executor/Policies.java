package dev.questspark.job.executor;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.MinContext;
import dev.questspark.engine.policy.ReadPolicies;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.SkipLayers;
import dev.questspark.engine.policy.cache.CachePart;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.select.SelectionScratch;
import dev.questspark.job.options.EngineOptions;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.KvBudget;
import dev.questspark.job.options.SelectionOptions;
import dev.questspark.job.options.SelectionOptions.PageRule;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** The policies of a run: each answers every question on one shared prefill. */
public final class Policies {
  private Policies() {}

  /**
   * {@code policies} as they stand, or what the shorthand options mean: every selector with every
   * numeric budget. Dense attention comes first; the budget {@code full} means it too.
   *
   * @throws ConfigException when a budget is too small for what it must keep, or the documents'
   *     policy does not fit the device or a step
   */
  public static List<ReadPolicy> of(InferenceOptions options) {
    PageRule pages = options.selection().pages();
    return of(options, List.of(pages.score()), List.of(pages.skipLayers()));
  }

  /**
   * The same for answers that somebody uses.
   *
   * @throws ConfigException also for a control
   */
  public static List<ReadPolicy> ofAnswers(InferenceOptions options) {
    List<ReadPolicy> policies = of(options);
    for (ReadPolicy policy : policies) {
      if (policy.control()) {
        throw new ConfigException(
            "policy "
                + policy.text()
                + " is a control for eval and sweep, where it shows what a selection is worth; a"
                + " run answers with another policy.");
      }
    }
    CachePolicy cachePolicy = options.selection().cachePolicy();
    if (cachePolicy.parts().stream().anyMatch(CachePart::control)) {
      throw new ConfigException(
          "cache_policy "
              + cachePolicy.text()
              + " is a control for eval and sweep, where it shows what a choice is worth; a run"
              + " answers with another policy.");
    }
    return policies;
  }

  /**
   * The same, every selector also with every page score (where it scores pages) and every number of
   * dense layers.
   */
  public static List<ReadPolicy> of(
      InferenceOptions options, List<PageScore> scores, List<Integer> skipLayers) {
    SelectionOptions selection = options.selection();
    Set<ReadPolicy> policies =
        selection.policies().isEmpty()
            ? ofShorthand(selection, scores, skipLayers)
            : new LinkedHashSet<>(selection.policies());
    EngineOptions.Batching batching = options.engine().batching();
    PageShape shape = PageShape.of(batching.pageSize(), batching.digestBlockSize(), true);
    DeviceName device = DeviceName.parse(options.engine().device());
    policies.forEach(
        policy -> {
          policy.selector(shape);
          policy.requireRunsOn(device);
        });
    selection
        .cachePolicies()
        .forEach(
            cache -> {
              cache.requireRuns(batching.maxNumSeqs(), batching.maxNumBatchedTokens());
              policies.forEach(policy -> cache.requireReadBy(policy, shape.digestBlockSize()));
            });
    List<ReadPolicy> denseFirst = new ArrayList<>();
    policies.stream().filter(ReadPolicy::dense).forEach(denseFirst::add);
    policies.stream().filter(policy -> !policy.dense()).forEach(denseFirst::add);
    return denseFirst;
  }

  private static Set<ReadPolicy> ofShorthand(
      SelectionOptions selection, List<PageScore> scores, List<Integer> skipLayers) {
    Set<ReadPolicy> policies = new LinkedHashSet<>();
    for (String selector : selection.selectors()) {
      for (KvBudget budget : selection.kvBudgets()) {
        for (PageScore score : scores) {
          for (int layers : skipLayers) {
            policies.add(
                budget.full()
                    ? new Dense()
                    : wrapped(
                        ReadPolicies.KNOWN.of(
                            selector, parameters(selection.pages(), budget.tokens(), score)),
                        layers,
                        selection.pages().minContext()));
          }
        }
      }
    }
    if (policies.isEmpty()) {
      throw new ConfigException(
          "--selectors and --kv-budgets name no policy; give for example --selectors "
              + new Dense().text()
              + ".");
    }
    return policies;
  }

  /** Parameter to text; a policy takes those that it has. */
  private static Map<String, String> parameters(PageRule rule, int budget, PageScore score) {
    return Map.of(
        "budget", String.valueOf(budget),
        "score", score.toString(),
        "reduction", rule.groupReduction().toString(),
        "sink", String.valueOf(rule.sinkTokens()),
        "recent", String.valueOf(rule.recentTokens()));
  }

  private static ReadPolicy wrapped(ReadPolicy policy, int skipLayers, int minContext) {
    if (policy.dense()) {
      return policy;
    }
    ReadPolicy ofLong = minContext > 0 ? new MinContext(minContext, policy) : policy;
    return skipLayers > 0 ? new SkipLayers(skipLayers, ofLong) : ofLong;
  }

  /**
   * What Spark's UI and history show of a job: every policy in a few words, which may hold commas.
   */
  public static String shown(List<ReadPolicy> policies) {
    return policies.stream().map(ReadPolicy::label).distinct().collect(Collectors.joining("; "));
  }

  /** What the policies' selectors need beside page lists. */
  public static Set<SelectionScratch> scratch(List<ReadPolicy> policies) {
    return policies.stream()
        .flatMap(policy -> policy.scratch().stream())
        .collect(Collectors.toSet());
  }

  /** Scores whose digests the engine must keep. */
  public static Set<PageScore> pageScores(List<ReadPolicy> policies) {
    return policies.stream()
        .flatMap(policy -> policy.digests().stream())
        .collect(Collectors.toSet());
  }
}
