package dev.questspark.job.options.keys;

import static dev.questspark.job.options.keys.OptionDeclaration.single;
import static dev.questspark.job.options.keys.OptionTypes.bool;
import static dev.questspark.job.options.keys.OptionTypes.choice;
import static dev.questspark.job.options.keys.OptionTypes.choices;
import static dev.questspark.job.options.keys.OptionTypes.integer;
import static dev.questspark.job.options.keys.OptionTypes.number;
import static dev.questspark.job.options.keys.OptionTypes.text;
import static dev.questspark.job.options.keys.Scope.Decides.NOTHING;
import static dev.questspark.job.options.keys.Scope.INFERENCE;
import static dev.questspark.job.options.keys.Scope.Query.JOB_ONLY;
import static dev.questspark.job.options.keys.Scope.RUN_ONLY;
import static dev.questspark.job.options.keys.Scope.WRITING;

import dev.questspark.job.options.Choices.FailOn;
import dev.questspark.job.options.Choices.Mode;
import dev.questspark.job.options.OutputOptions;
import dev.questspark.job.options.OutputOptions.Deadline;
import java.util.List;

/**
 * Where results go, and what becomes of those that are there; {@link OutputOptions} has the values.
 */
public final class OutputKeys {
  static final OptionSection SECTION = new OptionSection("Output");

  private OutputKeys() {}

  public static final OptionKey<String> OUTPUT =
      text("output", "a folder")
          .scope(WRITING, NOTHING, JOB_ONLY)
          .requiredBy(WRITING)
          .description(SECTION, "Folder that receives answers/, stats/, steps/ and run.json.");
  public static final OptionKey<String> OUTPUT_TABLE =
      text("output_table", "a table's name")
          .scope(RUN_ONLY, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "Table of a catalog that receives the answers too when the run ends: one row per document, question and policy, in place of the row that an earlier run wrote. Delta, Iceberg and Hudi can replace rows; a table of another format only takes new ones.");
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
  public static final OptionKey<Boolean> UPDATE =
      bool("update")
          .defaultValue("false")
          .scope(RUN_ONLY, NOTHING, JOB_ONLY)
          .excludes(
              MODE,
              "--update keeps the answers that are there up to date, whatever --mode says; leave --mode out.")
          .excludes(RESUME, "--update also goes on with an interrupted run; leave --resume out.")
          .description(
              SECTION,
              "Bring the answers of earlier runs with the same options up to date: answer new and changed documents, keep the rest, and mark those that the corpus has no more (vanished_at).");
  public static final OptionKey<Boolean> RETRY_ERRORS =
      bool("retry_errors")
          .defaultValue("false")
          .scope(RUN_ONLY, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "With resume or update, compute error rows again and replace them. Otherwise they count as finished.");
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
  public static final OptionKey<List<FailOn>> FAIL_ON =
      choices("fail_on", FailOn.class)
          .scope(RUN_ONLY, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "What else fails a run: an input without documents (empty, exit code 2), a budget that never read less than dense attention (unused_budget, exit code 4).");
  public static final OptionKey<Deadline> DEADLINE =
      single(
              "deadline",
              "time",
              "a time of day such as 06:00, or a moment such as 2026-12-01T06:00",
              Deadline::new)
          .scope(RUN_ONLY, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "Take no new document from then on, finish and commit those under way, and end with exit code 5 if any is left. Local time of the driver, unless an offset is given.");
  public static final OptionKey<Integer> WAIT_FOR_LOCK =
      integer("wait_for_lock", 0, "at least 0")
          .unit("seconds")
          .defaultValue("0")
          .scope(RUN_ONLY, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "How long to wait while another run has the output folder, before giving up. A run that died on another host holds it for 60 s.");
  public static final OptionKey<Boolean> COMPACT_ANSWERS =
      bool("compact_answers")
          .defaultValue("true")
          .scope(RUN_ONLY, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "At the end of a run, join small files of answers/ into files of about 128 MiB.");

  /** Types the options. */
  public static OutputOptions bind(JobOptions options) {
    return new OutputOptions(
        options.get(OUTPUT),
        options.get(OUTPUT_TABLE),
        new OutputOptions.Existing(
            options.get(MODE), options.get(RESUME), options.get(UPDATE), options.get(RETRY_ERRORS)),
        new OutputOptions.Schedule(options.get(DEADLINE), options.get(WAIT_FOR_LOCK)),
        options.get(ANSWER_BATCH_ROWS),
        options.get(MAX_ERROR_RATE),
        options.get(FAIL_ON),
        options.get(COMPACT_ANSWERS));
  }
}
