package dev.questspark.job.options.keys;

import dev.questspark.job.options.Choices.Command;
import java.util.Set;

/**
 * Where an option applies and what it changes. Every declaration states all three.
 *
 * @param commands those that read the option
 * @param decides what a different value changes
 * @param query whether the SQL functions and the ML stage take it
 */
public record Scope(Set<Command> commands, Decides decides, Query query) {
  public static final Set<Command> ALL_COMMANDS = Set.of(Command.values());
  public static final Set<Command> RUN_ONLY = Set.of(Command.RUN);
  public static final Set<Command> SWEEP_ONLY = Set.of(Command.SWEEP);
  public static final Set<Command> EVAL_ONLY = Set.of(Command.EVAL);

  /** The commands that are told how long texts are. */
  public static final Set<Command> EVAL_OR_PLAN = Set.of(Command.EVAL, Command.PLAN);

  /** The commands that run the model. */
  public static final Set<Command> INFERENCE = Set.of(Command.RUN, Command.SWEEP, Command.EVAL);

  /** The commands that say what an engine is: those that run the model, and the one that plans. */
  public static final Set<Command> ENGINE =
      Set.of(Command.RUN, Command.SWEEP, Command.EVAL, Command.PLAN);

  /** The commands that write a folder. */
  public static final Set<Command> WRITING =
      Set.of(Command.RUN, Command.SWEEP, Command.EVAL, Command.REPORT);

  /** The commands that compare policies. */
  public static final Set<Command> MEASUREMENT = Set.of(Command.SWEEP, Command.EVAL);

  /** The commands that have cache policies beside each other. */
  public static final Set<Command> COMPARING = Set.of(Command.SWEEP, Command.EVAL, Command.PLAN);

  /** The commands that end in a report. */
  public static final Set<Command> REPORTED = Set.of(Command.SWEEP, Command.EVAL, Command.REPORT);

  /**
   * What a different value of an option changes, and so whether earlier results may stand beside
   * new ones.
   */
  public enum Decides {
    /** Where, when or how fast results are made, or which documents there are. */
    NOTHING,
    /** What an answer says: part of the parameters' hash, which {@code --resume} compares. */
    ANSWERS,
    /** Which policies answer. Every row names its own policy, so no part of the hash. */
    POLICIES,
    /** What a sweep or an evaluation measures: part of the hash of these commands alone. */
    MEASUREMENTS
  }

  /** Whether an option has a meaning inside somebody else's query. */
  public enum Query {
    /** The SQL functions and the ML stage take it. */
    IN_QUERY,
    /** The query itself says what is read, where it goes and how it is scheduled. */
    JOB_ONLY
  }
}
