package dev.questspark.job.options.keys;

import static dev.questspark.job.options.keys.OptionTypes.bool;
import static dev.questspark.job.options.keys.OptionTypes.choice;
import static dev.questspark.job.options.keys.OptionTypes.text;
import static dev.questspark.job.options.keys.Scope.ALL_COMMANDS;
import static dev.questspark.job.options.keys.Scope.Decides.NOTHING;
import static dev.questspark.job.options.keys.Scope.Query.IN_QUERY;
import static dev.questspark.job.options.keys.Scope.Query.JOB_ONLY;

import dev.questspark.job.options.Choices.Command;
import dev.questspark.job.options.Suite;

/** What the application does, and where options come from. */
public final class RunKeys {
  static final OptionSection SECTION = new OptionSection("Run");

  private RunKeys() {}

  public static final OptionKey<Command> COMMAND =
      choice("command", Command.class)
          .defaultValue("run")
          .scope(ALL_COMMANDS, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "Answer the corpus (run), compare policies on it (sweep), evaluate a suite (eval), write the report of either again (report), or say what documents would take of the memory (plan).");
  public static final OptionKey<String> PRESET =
      text("preset", "a .conf file")
          .scope(ALL_COMMANDS, NOTHING, IN_QUERY)
          .description(SECTION, "File with options, such as conf/demo.conf.");
  public static final OptionKey<Boolean> VERBOSE =
      bool("verbose")
          .defaultValue("false")
          .scope(ALL_COMMANDS, NOTHING, JOB_ONLY)
          .description(SECTION, "Print stack traces of failures.");

  /** The suite that the command measures; where a preset's is not for it, the corpus. */
  public static Suite suite(JobOptions options) {
    Suite suite = options.get(MeasureKeys.SUITE);
    return switch (options.get(COMMAND)) {
      case EVAL -> suite;
      case SWEEP -> Suite.SWEPT.contains(suite) ? suite : Suite.CORPUS;
      case RUN, REPORT, PLAN -> Suite.CORPUS;
    };
  }
}
