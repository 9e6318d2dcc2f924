package dev.questspark.job.options.resolve;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.BoundOptions;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.OptionListing;
import dev.questspark.job.options.StageOptions;
import dev.questspark.job.options.keys.CorpusKeys;
import dev.questspark.job.options.keys.EngineKeys;
import dev.questspark.job.options.keys.JobOptions;
import dev.questspark.job.options.keys.LongDocumentKeys;
import dev.questspark.job.options.keys.MeasureKeys;
import dev.questspark.job.options.keys.OptionKey;
import dev.questspark.job.options.keys.OptionRegistry;
import dev.questspark.job.options.keys.OutputKeys;
import dev.questspark.job.options.keys.PromptKeys;
import dev.questspark.job.options.keys.RunKeys;
import dev.questspark.job.options.keys.SamplingKeys;
import dev.questspark.job.options.keys.Scope;
import dev.questspark.job.options.keys.Scope.Decides;
import dev.questspark.job.options.keys.SelectionKeys;
import dev.questspark.job.options.keys.StageKeys;
import java.util.LinkedHashMap;
import java.util.Map;

/** Makes typed records of resolved options, once, on the driver. */
public final class OptionBinder {
  private OptionBinder() {}

  /**
   * Checks and types the options of a job.
   *
   * @throws ConfigException when one is missing, has no effect, or goes against another
   */
  public static BoundOptions bind(JobOptions options) {
    OptionCheck.refuse(options);
    return new BoundOptions(
        options.get(RunKeys.COMMAND),
        CorpusKeys.bind(options),
        OutputKeys.bind(options),
        inference(options),
        MeasureKeys.bind(options),
        listing(options));
  }

  /** Types what a task that infers reads, without a check. */
  public static InferenceOptions inference(JobOptions options) {
    return inference(options, StageKeys.bind(options));
  }

  static InferenceOptions inference(JobOptions options, StageOptions stage) {
    return new InferenceOptions(
        EngineKeys.bind(options),
        PromptKeys.bind(options),
        SelectionKeys.bind(options),
        SamplingKeys.bind(options),
        LongDocumentKeys.bind(options),
        stage);
  }

  private static OptionListing listing(JobOptions options) {
    boolean measured = Scope.MEASUREMENT.contains(options.get(RunKeys.COMMAND));
    Map<String, String> deciding = new LinkedHashMap<>();
    for (OptionKey<?> key : OptionRegistry.all()) {
      if (measured && SelectionKeys.OF_THE_DOCUMENT.contains(key)) {
        continue; // a measurement's results are kept by their policies
      }
      if (key.decides() == Decides.ANSWERS || measured && key.decides() == Decides.MEASUREMENTS) {
        deciding.put(key.name(), options.setting(key).shown());
      }
    }
    return new OptionListing(options.settings(), deciding);
  }
}
