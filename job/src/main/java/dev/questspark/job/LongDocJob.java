package dev.questspark.job;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.corpus.UnreadableInput;
import dev.questspark.job.executor.FailurePolicy;
import dev.questspark.job.options.BoundOptions;
import dev.questspark.job.options.Choices;
import dev.questspark.job.options.ExitCode;
import dev.questspark.job.options.OptionListing;
import dev.questspark.job.options.keys.JobOptions;
import dev.questspark.job.options.keys.MeasureKeys;
import dev.questspark.job.options.keys.Scope;
import dev.questspark.job.options.resolve.CommandLineFlags;
import dev.questspark.job.options.resolve.ExecutorNeeds;
import dev.questspark.job.options.resolve.OptionBinder;
import dev.questspark.job.options.resolve.OptionConflicts;
import dev.questspark.job.options.resolve.OptionResolver;
import dev.questspark.job.plan.PlanRun;
import dev.questspark.job.plugin.ExecutorCheck;
import dev.questspark.job.plugin.QuestDriverPlugin;
import dev.questspark.job.plugin.SparkVersion;
import dev.questspark.job.resources.InferResources;
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
      return ExitCode.DONE;
    }
    boolean verbose = List.of(args).contains("--verbose");
    try {
      SparkVersion.check();
      JobOptions options = OptionResolver.resolve(CommandLineFlags.parse(args), conf(submitted));
      verbose = options.verbose();
      Checked checked = check(options, submitted, out);
      if (checked.options().command() != Choices.Command.REPORT) {
        print(checked.options().listing(), out);
      }
      SparkSession spark = sessions.open(checked.conf());
      try {
        return checked.command().run(spark);
      } finally {
        spark.sparkContext().clearJobGroup(); // of this thread, whose next job may be another's
        sessions.close(spark);
      }
    } catch (Exception failure) {
      Optional<RuntimeException> known =
          QuestDriverPlugin.takeRefusal().or(() -> FailurePolicy.configError(failure));
      String sentence = known.map(Throwable::getMessage).orElseGet(() -> sentence(failure));
      err.println(
          "Error: " + sentence + (verbose || known.isPresent() ? "" : " (--verbose tells more)"));
      if (verbose) {
        failure.printStackTrace(err);
      }
      return known.filter(ConfigException.class::isInstance).isPresent()
          ? ExitCode.REFUSED
          : ExitCode.FAILED;
    }
  }

  /**
   * Resolves and checks a command line without Spark: options, presets, templates, resources, the
   * device and a model on this machine.
   *
   * @throws ConfigException on the first thing that is wrong
   */
  static Checked check(SparkConf submitted, PrintStream out, String... args) {
    return check(
        OptionResolver.resolve(CommandLineFlags.parse(args), conf(submitted)), submitted, out);
  }

  static Checked check(JobOptions resolved, SparkConf submitted, PrintStream out) {
    BoundOptions options = OptionBinder.bind(resolved);
    SparkConf conf = SparkSettings.of(submitted);
    Command command =
        switch (options.command()) {
          case RUN -> {
            JobRun run = new JobRun(options, out);
            OptionConflicts.refuseUnaskedQuestion(resolved, run.asksQuestion());
            yield run::run;
          }
          case SWEEP, EVAL -> new MeasureRun(options, out)::run;
          case REPORT -> new ReportRun(options, out)::run;
          case PLAN -> new PlanRun(options, lengths(resolved), out)::run;
        };
    ExecutorNeeds.describe(options.listing(), conf);
    if (Scope.INFERENCE.contains(options.command())) {
      InferResources.check(options.inference(), conf);
      ExecutorCheck.device(options.inference().engine(), conf);
      ExecutorCheck.model(options.inference().engine(), conf);
    }
    return new Checked(options, conf, command);
  }

  /** Those that someone gave. */
  private static List<Integer> lengths(JobOptions options) {
    return options.changed(MeasureKeys.LENGTHS) ? options.get(MeasureKeys.LENGTHS) : List.of();
  }

  /** A command that nothing keeps from starting, as far as can be told without Spark. */
  record Checked(BoundOptions options, SparkConf conf, Command command) {}

  /** Runs on a Spark session and gives the exit code. */
  @FunctionalInterface
  interface Command {
    int run(SparkSession spark) throws IOException;
  }

  static Iterable<Map.Entry<String, String>> conf(SparkConf submitted) {
    return Arrays.stream(submitted.getAll())
        .<Map.Entry<String, String>>map(entry -> Map.entry(entry._1(), entry._2()))
        .toList();
  }

  /** What someone set, one a line, then the defaults. */
  private static void print(OptionListing options, PrintStream out) {
    List<String> defaults = new ArrayList<>();
    options
        .settings()
        .forEach(
            (name, setting) -> {
              if (setting.isDefault() && !setting.texts().isEmpty()) {
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
