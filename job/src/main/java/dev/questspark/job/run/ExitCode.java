package dev.questspark.job.run;

/** What the process ends with; 0 when all went well. */
public final class ExitCode {
  /** Something went wrong that is nobody's configuration. */
  public static final int FAILED = 1;

  /** The options, the model or the input are not as they must be; no work was done. */
  public static final int REFUSED = 2;

  /** The run ended, with more error rows than allowed. */
  public static final int TOO_MANY_ERRORS = 3;

  /** The run ended and its answers are good, but a budget never read less than dense would have. */
  public static final int BUDGET_NEVER_USED = 4;

  private ExitCode() {}
}
