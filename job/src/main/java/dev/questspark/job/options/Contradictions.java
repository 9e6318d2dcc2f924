package dev.questspark.job.options;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.OnTooLong;
import java.util.List;

/** Options of a run that contradict each other, or that could have no effect. */
public final class Contradictions {
  private static final List<OptionKey<?>> OF_MAP_REDUCE =
      List.of(JobKeys.CHUNK_TOKENS, JobKeys.CHUNK_OVERLAP_TOKENS, JobKeys.COMBINE_TEMPLATE);

  private Contradictions() {}

  /**
   * Refuses the first. What a preset sets may be for another of the runs that share it, so that
   * only options of this run's own command are refused for having no effect.
   *
   * @throws ConfigException naming both options and what to do
   */
  public static void refuse(JobOptions options) {
    if (options.get(JobKeys.RETRY_ERRORS) && !options.get(JobKeys.RESUME)) {
      throw new ConfigException("--retry-errors belongs to --resume; give both.");
    }
    if (options.get(JobKeys.RESUME) && options.askedFor(JobKeys.MODE)) {
      throw new ConfigException(
          "--resume adds to the answers that are there, whatever --mode says; leave --mode out.");
    }
    boolean mapReduce = options.get(JobKeys.ON_TOO_LONG) == OnTooLong.MAP_REDUCE;
    for (OptionKey<?> key : OF_MAP_REDUCE) {
      if (!mapReduce && options.askedFor(key)) {
        throw new ConfigException(
            key.flag() + " belongs to --on-too-long map_reduce; give both, or neither.");
      }
    }
    int chunk = options.get(JobKeys.CHUNK_TOKENS);
    int overlap = options.get(JobKeys.CHUNK_OVERLAP_TOKENS);
    if (mapReduce && chunk > 0 && overlap >= chunk) {
      throw new ConfigException(
          "chunk_overlap_tokens is "
              + overlap
              + " and chunk_tokens "
              + chunk
              + "; neighbouring chunks must share fewer tokens than a chunk has.");
    }
    for (OptionKey<?> key : JobKeys.ofMeasurements()) {
      if (options.askedFor(key)) {
        throw new ConfigException(
            key.flag() + " belongs to sweep and eval; a run that answers has no use for it.");
      }
    }
  }
}
