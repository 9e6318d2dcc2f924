package dev.questspark.job.sweep;

import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.select.SelectorSpec;
import dev.questspark.job.executor.Policies;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.MeasureOptions;
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
  public static List<SelectorSpec> of(InferenceOptions options, MeasureOptions measure) {
    List<PageScore> scores = measure.pageScores();
    List<Integer> skips = measure.skipLayers();
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
