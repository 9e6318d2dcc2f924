package dev.questspark.job.options.keys;

import static dev.questspark.job.options.keys.OptionTypes.bool;
import static dev.questspark.job.options.keys.OptionTypes.choice;
import static dev.questspark.job.options.keys.OptionTypes.integer;
import static dev.questspark.job.options.keys.OptionTypes.number;
import static dev.questspark.job.options.keys.OptionTypes.text;
import static dev.questspark.job.options.keys.Scope.ALL_COMMANDS;
import static dev.questspark.job.options.keys.Scope.Decides.NOTHING;
import static dev.questspark.job.options.keys.Scope.INFERENCE;
import static dev.questspark.job.options.keys.Scope.Query.JOB_ONLY;
import static dev.questspark.job.options.keys.Scope.RUN_ONLY;

import dev.questspark.job.options.Choices.Mode;
import dev.questspark.job.options.OutputOptions;

/**
 * Where results go, and what becomes of those that are there; {@link OutputOptions} has the values.
 */
public final class OutputKeys {
  static final OptionSection SECTION = new OptionSection("Output");

  private OutputKeys() {}

  public static final OptionKey<String> OUTPUT =
      text("output", "a folder")
          .scope(ALL_COMMANDS, NOTHING, JOB_ONLY)
          .requiredBy(ALL_COMMANDS)
          .description(SECTION, "Folder that receives answers/, stats/, steps/ and run.json.");
  public static final OptionKey<Mode> MODE =
      choice("mode", Mode.class)
          .defaultValue("errorifexists")
          .scope(RUN_ONLY, NOTHING, JOB_ONLY)
          .description(
              SECTION, "What to do if the output folder already has answers (Spark's save modes).");
  public static final OptionKey<Boolean> RESUME =
      bool("resume")
          .defaultValue("false")
          .scope(RUN_ONLY, NOTHING, JOB_ONLY)
          .excludes(
              MODE,
              "--resume adds to the answers that are there, whatever --mode says; leave --mode out.")
          .description(
              SECTION,
              "Continue earlier runs with the same options: rows that the output already has are not computed again.");
  public static final OptionKey<Boolean> RETRY_ERRORS =
      bool("retry_errors")
          .defaultValue("false")
          .scope(RUN_ONLY, NOTHING, JOB_ONLY)
          .alwaysRequires(RESUME, true, "only applies to --resume; give both, or neither")
          .description(
              SECTION,
              "With resume, compute error rows again and replace them. Otherwise they count as finished.");
  public static final OptionKey<Integer> ANSWER_BATCH_ROWS =
      integer("answer_batch_rows", 1, "at least 1")
          .unit("rows")
          .defaultValue("64")
          .scope(RUN_ONLY, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "Rows after which a task commits a file of answers/; a document is never split. If an executor is lost, at most this many rows per task and those in flight are recomputed.");
  public static final OptionKey<Double> MAX_ERROR_RATE =
      number("max_error_rate", "between 0 and 1", rate -> rate >= 0 && rate <= 1)
          .defaultValue("0.5")
          .scope(INFERENCE, NOTHING, JOB_ONLY)
          .description(
              SECTION, "The job ends with exit code 3 if a larger share of rows are error rows.");

  /** Types the options. */
  public static OutputOptions bind(JobOptions options) {
    return new OutputOptions(
        options.get(OUTPUT),
        options.get(MODE),
        options.get(RESUME),
        options.get(RETRY_ERRORS),
        options.get(ANSWER_BATCH_ROWS),
        options.get(MAX_ERROR_RATE));
  }
}
