package dev.questspark.job.options.resolve;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.ExitCode;
import dev.questspark.job.options.keys.OptionKey;
import dev.questspark.job.options.keys.OptionRegistry;
import dev.questspark.job.options.keys.OptionSection;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgGroupSpec;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command line, built from the declarations. */
public final class CommandLineFlags {
  private static final int WIDTH = 100;

  private CommandLineFlags() {}

  /**
   * Flags to option texts.
   *
   * @throws ConfigException on an unknown flag or a missing value
   */
  public static Map<String, List<String>> parse(String... args) {
    ParseResult parsed;
    try {
      parsed = new CommandLine(spec()).parseArgs(args);
    } catch (UnmatchedArgumentException unmatched) {
      String first = unmatched.getUnmatched().get(0);
      if (!first.startsWith("-")) {
        throw new ConfigException(
            "'" + first + "' is not a flag; every option is written as --name value.");
      }
      String name = first.split("=")[0].replaceFirst("^-+", "");
      throw OptionRegistry.unknown(name, "flag");
    } catch (MissingParameterException missing) {
      throw new ConfigException(withoutValue(missing.getMissing(), args), missing);
    } catch (ParameterException wrong) {
      throw new ConfigException(wrong.getMessage() + ".", wrong);
    }
    Map<String, List<String>> texts = new LinkedHashMap<>();
    for (OptionSpec option : parsed.matchedOptions()) {
      if (!option.usageHelp()) {
        texts.put(
            option.longestName().substring(2),
            parsed.matchedOptionValue(option.longestName(), List.of()));
      }
    }
    return texts;
  }

  /** Says so under the name that was typed; picocli's own message takes the longest. */
  private static String withoutValue(List<ArgSpec> missing, String... args) {
    OptionSpec option = (OptionSpec) missing.get(0);
    List<String> names = List.of(option.names());
    String typed =
        Arrays.stream(args)
            .map(arg -> arg.split("=")[0])
            .filter(names::contains)
            .reduce(names.get(0), (first, last) -> last);
    return typed + " has no value; it takes " + option.paramLabel() + ".";
  }

  /** Whether the user asks for help. */
  public static boolean wantsHelp(String... args) {
    return List.of(args).contains("--help") || List.of(args).contains("-h");
  }

  /** The usage text, which ends with the exit codes. */
  public static String help() {
    return new CommandLine(spec())
        .setUsageHelpWidth(WIDTH)
        .getUsageMessage(CommandLine.Help.Ansi.OFF);
  }

  private static Map<String, String> exitCodes() {
    Map<String, String> codes = new LinkedHashMap<>();
    for (ExitCode.Meaning exit : ExitCode.ALL) {
      codes.put(String.valueOf(exit.code()), exit.sentence());
    }
    return codes;
  }

  private static CommandSpec spec() {
    CommandSpec spec = CommandSpec.create().name("LongDocJob");
    spec.usageMessage()
        .abbreviateSynopsis(true)
        .sortOptions(false)
        .description(
            "Answers questions over long documents with a Spark batch job.",
            "Each option is also a key of a preset (snake_case) and of Spark's conf"
                + " (spark.questspark.snake_case).%n")
        .exitCodeListHeading("%nExit codes%n")
        .exitCodeList(exitCodes());
    int order = 0;
    for (OptionSection section : OptionRegistry.SECTIONS) {
      ArgGroupSpec.Builder group =
          ArgGroupSpec.builder()
              .heading("%n" + section.title() + "%n")
              .validate(false)
              .exclusive(false)
              .order(order++);
      section.keys().forEach(key -> group.addArg(option(key)));
      spec.addArgGroup(group.build());
    }
    return spec.addOption(
        OptionSpec.builder("-h", "--help").usageHelp(true).description("Show this text.").build());
  }

  private static OptionSpec option(OptionKey<?> key) {
    String[] names = new String[1 + key.aliases().size()];
    names[0] = key.flag();
    for (int i = 1; i < names.length; i++) {
      names[i] = OptionKey.flagOf(key.aliases().get(i - 1));
    }
    OptionSpec.Builder option =
        OptionSpec.builder(names)
            .type(List.class)
            .auxiliaryTypes(String.class)
            .paramLabel("<" + key.type() + ">")
            .description(describe(key));
    if (key.flagAlone()) {
      option.arity("0..1").fallbackValue("true");
    } else {
      option.arity("1");
    }
    return option.build();
  }

  private static String describe(OptionKey<?> key) {
    String words = key.type().equals("choice") ? " It is " + key.allowed() + "." : "";
    String defaultText =
        key.defaultTexts().isEmpty() ? "" : " Default: " + String.join(",", key.defaultTexts());
    return (key.description() + words + defaultText).replace("%", "%%");
  }
}
