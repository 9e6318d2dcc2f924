package dev.questspark.job.options;

import java.util.Arrays;
import java.util.List;
import java.util.Set;

/** The closed lists of words that options choose from. */
public final class Choices {
  private Choices() {}

  /** {@code command}: what the application does. */
  public enum Command {
    RUN,
    SWEEP,
    EVAL,
    REPORT,
    PLAN
  }

  /** Some commands, in the order of their declaration. */
  public static List<Command> inOrder(Set<Command> commands) {
    return Arrays.stream(Command.values()).filter(commands::contains).toList();
  }

  /** {@code task}. */
  public enum Task {
    QA,
    SUMMARIZE
  }

  /** {@code apply_chat_template}. */
  public enum ApplyChatTemplate {
    /** Where the model has a template. */
    AUTO,
    TRUE,
    FALSE
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

  /** {@code fail_on}: what a run can end with that is no failure by itself. */
  public enum FailOn {
    /** The input has no document. */
    EMPTY,
    /** A budget never read less than dense attention. */
    UNUSED_BUDGET
  }

  /** {@code question_attention}. */
  public enum QuestionAttention {
    SPARSE,
    DENSE
  }
}
