package dev.questspark.job.options;

import java.util.List;

/** What the application's process ends with, and an executor's. */
public final class ExitCode {
  public static final int DONE = 0;
  public static final int FAILED = 1;
  public static final int REFUSED = 2;
  public static final int TOO_MANY_ERRORS = 3;
  public static final int BUDGET_NEVER_USED = 4;
  public static final int STOPPED_AT_DEADLINE = 5;

  /** Of an executor's process. */
  public static final int DEVICE_LOST = 20;

  /** The sentences of {@code --help} and {@code conf/README.md}. */
  public static final List<Meaning> ALL =
      List.of(
          new Meaning(DONE, "The command is done."),
          new Meaning(
              FAILED,
              "The job failed for another reason than its options: see the error and Spark's log."),
          new Meaning(
              REFUSED,
              "The options, the model or the input cannot be used; no answer was computed."),
          new Meaning(
              TOO_MANY_ERRORS,
              "The run is done, but more rows are error rows than --max-error-rate allows."),
          new Meaning(
              BUDGET_NEVER_USED,
              "The sweep is done, or the run with --fail-on unused_budget, but a budget never read less"
                  + " than dense attention would have: no context was longer than the budget."),
          new Meaning(
              STOPPED_AT_DEADLINE,
              "The run stopped at --deadline with documents left; what it answered is committed, and"
                  + " --resume (after --update, --update again) goes on."),
          new Meaning(
              DEVICE_LOST,
              "An executor, not the application, lost its GPU and ended; Spark starts another."));

  private ExitCode() {}

  /** One sentence on a code. */
  public record Meaning(int code, String sentence) {}
}
