package dev.questspark.job.sweep;

import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.job.executor.Policies;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.MeasureOptions;
import dev.questspark.job.options.SelectionOptions.PageRule;
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
  public static List<ReadPolicy> of(InferenceOptions options, MeasureOptions measure) {
    PageRule pages = options.selection().pages();
    Set<ReadPolicy> policies = new LinkedHashSet<>(List.of(new Dense()));
    Policies.of(
            options,
            measure.pageScores().isEmpty() ? List.of(pages.score()) : measure.pageScores(),
            measure.skipLayers().isEmpty() ? List.of(pages.skipLayers()) : measure.skipLayers())
        .stream()
        .filter(policy -> !policy.dense())
        .forEach(policies::add);
    return new ArrayList<>(policies);
  }
}
