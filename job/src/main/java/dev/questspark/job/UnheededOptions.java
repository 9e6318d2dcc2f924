package dev.questspark.job;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.eval.suite.Suites;
import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.JobOptions;
import dev.questspark.job.options.OptionKey;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Refuses options that a measurement cannot heed: whoever gives one expects something that will not
 * happen. A preset may hold them, since it serves several commands.
 */
final class UnheededOptions {
  /**
   * A measurement takes the best token always, keeps what its output has of the same options, and
   * writes no answers/.
   */
  private static final Set<OptionKey<?>> OF_RUN_ALONE =
      Set.of(
          JobKeys.COMBINE_TEMPLATE,
          JobKeys.MODE,
          JobKeys.RESUME,
          JobKeys.RETRY_ERRORS,
          JobKeys.ANSWER_BATCH_ROWS,
          JobKeys.MAX_IN_FLIGHT,
          JobKeys.TEMPERATURE,
          JobKeys.TOP_P,
          JobKeys.TOP_K,
          JobKeys.MIN_P,
          JobKeys.REPETITION_PENALTY,
          JobKeys.IGNORE_EOS,
          JobKeys.CHUNK_TOKENS,
          JobKeys.CHUNK_OVERLAP_TOKENS);

  private static final Set<OptionKey<?>> OF_SPEED =
      Set.of(JobKeys.REPETITIONS, JobKeys.SPEED_TOKENS);

  private static final Set<OptionKey<?>> OF_REPORT =
      Set.of(
          JobKeys.OUTPUT,
          JobKeys.MAX_QUALITY_LOSS,
          JobKeys.COMMAND,
          JobKeys.PRESET,
          JobKeys.VERBOSE);

  private UnheededOptions() {}

  /**
   * Refuses all of them at once.
   *
   * @throws ConfigException when the command itself has an option without effect
   */
  static void refuse(JobOptions options) {
    String suite = options.get(JobKeys.SUITE);
    switch (options.get(JobKeys.COMMAND)) {
      case RUN -> {} // JobRun refuses its own
      case SWEEP -> {
        Set<OptionKey<?>> unheeded = new HashSet<>(Suites.unheeded(Suites.CORPUS));
        unheeded.addAll(OF_RUN_ALONE);
        unheeded.add(JobKeys.SUITE);
        refuse(options, unheeded::contains, "sweep");
      }
      case EVAL -> {
        Set<OptionKey<?>> unheeded = new HashSet<>(Suites.unheeded(suite));
        unheeded.addAll(OF_RUN_ALONE);
        unheeded.addAll(OF_SPEED);
        refuse(options, unheeded::contains, "eval --suite " + suite);
      }
      case REPORT -> refuse(options, key -> !OF_REPORT.contains(key), "report");
    }
  }

  private static void refuse(JobOptions options, Predicate<OptionKey<?>> unheeded, String command) {
    List<String> asked = options.askedFor().stream().filter(unheeded).map(OptionKey::flag).toList();
    if (!asked.isEmpty()) {
      throw new ConfigException(
          String.join(", ", asked)
              + (asked.size() == 1 ? " has" : " have")
              + " no effect on "
              + command
              + "; leave "
              + (asked.size() == 1 ? "it" : "them")
              + " out.");
    }
  }
}
