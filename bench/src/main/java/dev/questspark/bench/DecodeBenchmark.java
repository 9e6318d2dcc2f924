package dev.questspark.bench;

import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.Quest;
import dev.questspark.engine.policy.ReadPolicies;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.SkipLayers;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.SelectionUnit;
import java.util.Map;

/**
 * Decode steps over a filled cache, one line per budget; the budgets take turns, so that all of
 * them see the same neighbours.
 */
final class DecodeBenchmark {
  private DecodeBenchmark() {}

  static void run(Arguments arguments) {
    int context = arguments.number("context", 2048);
    int sequences = arguments.number("batch", 1);
    int steps = arguments.number("steps", 24);
    int warmUpSteps = arguments.number("warm-up-steps", 12);
    int skipLayers = arguments.number("skip-layers", 0);
    String[] budgets = arguments.text("budgets", "full").split(",");
    int growth = (warmUpSteps + steps) * budgets.length + 16;
    try (FilledCache cache = new FilledCache(arguments, sequences, context, growth)) {
      PageSelector[] selectors = new PageSelector[budgets.length];
      for (int b = 0; b < budgets.length; b++) {
        selectors[b] = policy(arguments, budgets[b], skipLayers).selector(cache.shape());
      }
      double[][] step = new double[budgets.length][steps];
      double[][] attention = new double[budgets.length][steps];
      for (int i = -warmUpSteps; i < steps; i++) {
        for (int b = 0; b < budgets.length; b++) {
          long[] nanos = cache.step(selectors[b]);
          if (i >= 0) {
            step[b][i] = nanos[0] / 1e6;
            attention[b][i] = nanos[1] / 1e6;
          }
        }
      }
      for (int b = 0; b < budgets.length; b++) {
        double median = Measurement.median(step[b]);
        new Measurement("decode")
            .with("context", context)
            .with("batch", sequences)
            .with("budget", budgets[b])
            .with(ReadPolicies.KNOWN.name(SkipLayers.class), skipLayers)
            .with("backend", cache.describe())
            .with("ms_per_step", median)
            .with("attention_ms_per_step", Measurement.median(attention[b]))
            .with("dense_bytes", cache.denseBytes())
            .print(sequences * 1e3 / median, "tokens/s");
      }
    }
  }

  private static ReadPolicy policy(Arguments arguments, String budget, int skipLayers) {
    if (budget.equals("full")) {
      return new Dense();
    }
    ReadPolicy quest =
        ReadPolicies.KNOWN.of(
            ReadPolicies.KNOWN.name(Quest.class),
            Map.of(
                "budget",
                budget,
                "score",
                arguments.text("score", PageScores.DEFAULT),
                "unit",
                arguments.text("unit", SelectionUnit.DEFAULT),
                "sink",
                "0"));
    return skipLayers == 0 ? quest : new SkipLayers(skipLayers, quest);
  }
}
