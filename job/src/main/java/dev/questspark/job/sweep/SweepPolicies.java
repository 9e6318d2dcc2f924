package dev.questspark.job.sweep;

import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.select.SelectorSpec;
import dev.questspark.job.executor.Policies;
import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.JobOptions;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The policies of a sweep or an evaluation. */
public final class SweepPolicies {
  private SweepPolicies() {}

  /**
   * Dense first, whether named or not: everything is compared with it. Then every policy of the
   * options with every page score (where it scores pages) and every number of dense layers.
   */
  public static List<SelectorSpec> of(JobOptions options) {
    List<PageScore> scores = options.get(JobKeys.PAGE_SCORES);
    List<Integer> skips = options.get(JobKeys.SKIP_LAYERS);
    Set<SelectorSpec> policies = new LinkedHashSet<>();
    policies.add(SelectorSpec.all());
    for (SelectorSpec policy : Policies.of(options)) {
      if (policy.dense()) {
        continue;
      }
      boolean scored = policy.selector().equals("quest") && !scores.isEmpty();
      for (PageScore score : scored ? scores : List.of(policy.pageScore())) {
        for (int skip : skips.isEmpty() ? List.of(policy.skipLayers()) : skips) {
          policies.add(
              new SelectorSpec(
                  policy.selector(),
                  policy.kvBudget(),
                  score,
                  policy.groupReduction(),
                  policy.sinkTokens(),
                  policy.recentTokens(),
                  skip,
                  policy.minContext()));
        }
      }
    }
    return new ArrayList<>(policies);
  }
}
