package dev.questspark.job;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.corpus.UnreadableInput;
import dev.questspark.job.executor.FailurePolicy;
import dev.questspark.job.options.Choices;
import dev.questspark.job.options.CommandLineFlags;
import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.JobOptions;
import dev.questspark.job.options.OptionResolver;
import dev.questspark.job.plugin.ExecutorCheck;
import dev.questspark.job.plugin.QuestDriverPlugin;
import dev.questspark.job.plugin.SparkVersion;
import dev.questspark.job.resources.InferResources;
import dev.questspark.job.run.ExitCode;
import dev.questspark.job.run.JobRun;
import dev.questspark.job.sweep.MeasureRun;
import dev.questspark.job.sweep.ReportRun;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/** The Spark application: long documents in, answers and statistics out. */
public final class LongDocJob {
  private static final int WIDTH = 100;

  private LongDocJob() {}

  public static void main(String[] args) {
    int code = run(SessionProvider.OWN, new SparkConf(), System.out, System.err, args);
    if (code != 0) {
      System.exit(code);
    }
  }

  /** Runs one job; never throws for what a user can get wrong. */
  static int run(
      SessionProvider sessions,
      SparkConf submitted,
      PrintStream out,
      PrintStream err,
      String... args) {
    if (CommandLineFlags.wantsHelp(args)) {
      out.print(CommandLineFlags.help());
      return 0;
    }
    boolean verbose = List.of(args).contains("--verbose");
    try {
      SparkVersion.check();
      JobOptions options = OptionResolver.resolve(CommandLineFlags.parse(args), conf(submitted));
      verbose = options.get(JobKeys.VERBOSE);
      Command command = command(options, out);
      if (options.get(JobKeys.COMMAND) != Choices.Command.REPORT) {
        print(options, out);
      }
      SparkConf conf = SparkSettings.of(submitted);
      ExecutorCheck.describe(options, conf);
      if (options.get(JobKeys.COMMAND) != Choices.Command.REPORT) {
        InferResources.check(options, conf);
      }
      ExecutorCheck.device(options, conf);
      SparkSession spark = sessions.open(conf);
      try {
        return command.run(spark);
      } finally {
        spark.sparkContext().clearJobGroup(); // of this thread, whose next job may be another's
        sessions.close(spark);
      }
    } catch (Exception failure) {
      Optional<ConfigException> refused =
          QuestDriverPlugin.takeRefusal().or(() -> FailurePolicy.configError(failure));
      String sentence = refused.map(Throwable::getMessage).orElseGet(() -> sentence(failure));
      err.println(
          "Error: " + sentence + (verbose || refused.isPresent() ? "" : " (--verbose tells more)"));
      if (verbose) {
        failure.printStackTrace(err);
      }
      return refused.isPresent() ? ExitCode.REFUSED : ExitCode.FAILED;
    }
  }

  /** What {@code --command} asks for, everything checked that needs no Spark. */
  private static Command command(JobOptions options, PrintStream out) {
    UnheededOptions.refuse(options);
    return switch (options.get(JobKeys.COMMAND)) {
      case RUN -> new JobRun(options, out)::run;
      case SWEEP -> MeasureRun.sweep(options, out)::run;
      case EVAL -> MeasureRun.eval(options, out)::run;
      case REPORT -> new ReportRun(options, out)::run;
    };
  }

  /** Runs on a Spark session and gives the exit code. */
  @FunctionalInterface
  private interface Command {
    int run(SparkSession spark) throws IOException;
  }

  private static Iterable<Map.Entry<String, String>> conf(SparkConf submitted) {
    return Arrays.stream(submitted.getAll())
        .<Map.Entry<String, String>>map(entry -> Map.entry(entry._1(), entry._2()))
        .toList();
  }

  /** What someone set, one a line, then the defaults. */
  private static void print(JobOptions options, PrintStream out) {
    List<String> defaults = new ArrayList<>();
    options
        .settings()
        .forEach(
            (name, setting) -> {
              if (options.isDefault(name) && !setting.texts().isEmpty()) {
                defaults.add(name + "=" + setting.shown());
              } else if (!setting.texts().isEmpty()) {
                out.printf("%-24s %-40s (%s)%n", name, setting.shown(), setting.origin());
              }
            });
    StringBuilder line = new StringBuilder("defaults:");
    for (String setting : defaults) {
      if (line.length() + setting.length() > WIDTH) {
        out.println(line);
        line.setLength(0);
        line.append("        ");
      }
      line.append(' ').append(setting);
    }
    out.println(line + System.lineSeparator());
  }

  private static String sentence(Exception failure) {
    Optional<String> unreadable = UnreadableInput.sentence(failure);
    if (unreadable.isPresent()) {
      return unreadable.get();
    }
    Throwable told =
        FailurePolicy.deviceError(failure).<Throwable>map(device -> device).orElse(failure);
    String message = told.getMessage() == null ? told.toString() : told.getMessage();
    return message.lines().findFirst().orElse(message).strip();
  }
}
