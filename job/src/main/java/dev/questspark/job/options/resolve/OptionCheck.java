package dev.questspark.job.options.resolve;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices;
import dev.questspark.job.options.Choices.Command;
import dev.questspark.job.options.Suite;
import dev.questspark.job.options.keys.EngineKeys;
import dev.questspark.job.options.keys.JobOptions;
import dev.questspark.job.options.keys.OptionKey;
import dev.questspark.job.options.keys.OptionKey.Exclusion;
import dev.questspark.job.options.keys.OptionKey.Requirement;
import dev.questspark.job.options.keys.OptionRegistry;
import dev.questspark.job.options.keys.PromptKeys;
import dev.questspark.job.options.keys.RunKeys;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Refuses what the declarations of the options rule out. A preset serves several commands, so an
 * option of a preset that has no effect on this command is no mistake.
 */
final class OptionCheck {
  private OptionCheck() {}

  /**
   * Checks the options of a job.
   *
   * @throws ConfigException in one sentence, with the flag, the command and what to do
   */
  static void refuse(JobOptions options) {
    Command command = options.get(RunKeys.COMMAND);
    Suite suite = RunKeys.suite(options);
    refuseWithoutEffect(options, command, suite);
    for (OptionKey<?> key : OptionRegistry.all()) {
      if (key.appliesTo(command, suite)) {
        if (key.requiredBy(command)) {
          options.require(key);
        }
        refuse(options, key);
      }
    }
    OptionConflicts.refuse(options);
  }

  /** Checks the options of a query, which says itself where each of them applies. */
  static void refuseInQuery(JobOptions options) {
    options.require(EngineKeys.MODEL);
    OptionConflicts.refuseTurnsWithoutChat(options, PromptKeys.SYSTEM_PROMPT);
    OptionConflicts.refuseTurnsWithoutChat(options, PromptKeys.CHAT_TEMPLATE_KWARGS);
  }

  private static void refuseWithoutEffect(JobOptions options, Command command, Suite suite) {
    List<OptionKey<?>> without =
        options.changedByCommand().stream().filter(key -> !key.appliesTo(command, suite)).toList();
    if (without.isEmpty()) {
      return;
    }
    Set<Command> others = without.get(0).commands();
    boolean one = without.size() == 1;
    throw new ConfigException(
        without.stream().map(OptionKey::flag).collect(Collectors.joining(", "))
            + (one ? " has" : " have")
            + " no effect on "
            + word(command)
            + (command == Command.EVAL || command == Command.SWEEP && suite != Suite.CORPUS
                ? " --suite " + suite.word()
                : "")
            + (one && !others.contains(command) ? ", only on " + words(others) : "")
            + "; leave "
            + (one ? "it" : "them")
            + " out.");
  }

  private static void refuse(JobOptions options, OptionKey<?> key) {
    if (options.givenByCommand(key) && options.changed(key)) {
      for (Requirement<?> requirement : key.requirements()) {
        if (!requirement.metBy(options)) {
          throw new ConfigException(
              key.flag()
                  + " only applies to "
                  + requirement.key().flag()
                  + " "
                  + String.valueOf(requirement.value()).toLowerCase(Locale.ROOT)
                  + "; give both, or neither.");
        }
      }
    }
    for (Exclusion exclusion : key.exclusions()) {
      if (options.changed(key) && options.givenByCommand(exclusion.key())) {
        throw new ConfigException(exclusion.sentence());
      }
    }
  }

  /** {@code run, sweep and eval}. */
  private static String words(Set<Command> commands) {
    List<String> words = Choices.inOrder(commands).stream().map(OptionCheck::word).toList();
    int last = words.size() - 1;
    return last == 0
        ? words.get(0)
        : String.join(", ", words.subList(0, last)) + " and " + words.get(last);
  }

  private static String word(Command command) {
    return command.name().toLowerCase(Locale.ROOT);
  }
}
