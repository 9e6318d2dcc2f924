package dev.questspark.job.options;

/** The closed lists of words that options choose from. */
public final class Choices {
  private Choices() {}

  /** {@code command}: what the application does. */
  public enum Command {
    RUN,
    SWEEP,
    EVAL,
    REPORT
  }

  /** {@code task}. */
  public enum Task {
    QA,
    SUMMARIZE
  }

  /** {@code input_format}. */
  public enum InputFormat {
    AUTO,
    TEXT,
    JSON,
    PARQUET,
    CSV,
    BINARYFILE
  }

  /** {@code on_too_long}. */
  public enum OnTooLong {
    ERROR,
    TRUNCATE_MIDDLE,
    MAP_REDUCE
  }

  /** {@code mode}: Spark's save modes. */
  public enum Mode {
    OVERWRITE,
    ERRORIFEXISTS,
    APPEND,
    IGNORE
  }

  /** {@code question_attention}. */
  public enum QuestionAttention {
    SPARSE,
    DENSE
  }
}
