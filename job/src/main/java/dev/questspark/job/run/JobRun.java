package dev.questspark.job.run;

import dev.questspark.engine.select.SelectorSpec;
import dev.questspark.engine.stats.EngineReport;
import dev.questspark.job.corpus.CorpusReader;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.executor.OpeningEngine;
import dev.questspark.job.executor.Policies;
import dev.questspark.job.infer.AnswerWriter;
import dev.questspark.job.infer.RunCounters;
import dev.questspark.job.model.ModelFolder;
import dev.questspark.job.options.BoundOptions;
import dev.questspark.job.options.ExitCode;
import dev.questspark.job.output.EarlierAnswers;
import dev.questspark.job.output.MostFrequentError;
import dev.questspark.job.output.OutputFolder;
import dev.questspark.job.output.PolicyStats;
import dev.questspark.job.output.RunFacts;
import dev.questspark.job.output.RunJson;
import dev.questspark.job.output.RunLock;
import dev.questspark.job.output.StatsWriter;
import dev.questspark.job.partition.CorpusPlan;
import dev.questspark.job.partition.CorpusSurvey;
import dev.questspark.job.partition.FinishedRow;
import dev.questspark.job.partition.PartitionedCorpus;
import dev.questspark.job.progress.ProgressLine;
import dev.questspark.job.progress.Quantities;
import dev.questspark.job.progress.ResultTable;
import dev.questspark.job.prompt.TaskTemplates;
import dev.questspark.job.resources.InferResources;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Instant;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** One run: corpus, partition, infer, output, in this order. */
public final class JobRun {
  private static final double NANOS_PER_S = 1e9;

  private final BoundOptions options;
  private final List<SelectorSpec> policies;
  private final TaskTemplates templates;
  private ModelFolder model;
  private final PrintStream out;

  /**
   * Checks everything that needs no Spark.
   *
   * @throws dev.questspark.engine.failure.ConfigException on the first thing that is wrong
   */
  public JobRun(BoundOptions options, PrintStream out) {
    this.options = options;
    this.out = out;
    this.policies = Policies.of(options.inference());
    this.templates = TaskTemplates.of(options.inference().prompt());
  }

  /** Whether the prompt template has a place for a question. */
  public boolean asksQuestion() {
    return templates.asksQuestion();
  }

  /** Runs; returns the process's exit code. */
  public int run(SparkSession spark) throws IOException {
    boolean local = spark.sparkContext().isLocal();
    model =
        ModelFolder.of(
            options.inference().engine().model().location(),
            local,
            spark.sparkContext().hadoopConfiguration());
    if (local || model.visible()) {
      model.check();
    }
    OutputFolder output =
        new OutputFolder(options.output().folder(), spark.sparkContext().hadoopConfiguration());
    Dataset<Row> records = new CorpusReader(spark, options.corpus()).read();
    InferSettings settings = RunSettings.of(spark, options, policies, templates, model, output, "");
    // The session may be shared: a lost lock ends this run's jobs and nobody else's.
    spark
        .sparkContext()
        .setJobGroup(settings.runId(), "answers with " + Policies.shown(policies), false);
    try (RunLock lock =
        output.lock(
            settings.runId(), () -> spark.sparkContext().cancelJobGroup(settings.runId()))) {
      if (!output.prepare(options.output().mode(), options.output().resume())) {
        out.println(output + " already has answers; --mode ignore leaves them as they are.");
        return ExitCode.DONE;
      }
      return run(spark, output, records, settings, lock);
    }
  }

  private int run(
      SparkSession spark,
      OutputFolder output,
      Dataset<Row> records,
      InferSettings settings,
      RunLock lock)
      throws IOException {
    try {
      return runAlone(spark, output, records, settings);
    } catch (RuntimeException failure) {
      if (lock.lost()) {
        throw new IllegalStateException(
            "run "
                + settings.runId()
                + " ended because another run has taken over "
                + output
                + " after this one had given no sign of life for long",
            failure);
      }
      throw failure;
    }
  }

  private int runAlone(
      SparkSession spark, OutputFolder output, Dataset<Row> records, InferSettings settings)
      throws IOException {
    Iterator<FinishedRow> found = earlier(spark, output, records, settings);
    if (!spark.sparkContext().isLocal()) {
      return infer(spark, output, records, settings, plan(spark, records, found));
    }
    // Driver and executor are one JVM: the engine opens while the corpus is surveyed, and whatever
    // keeps it from opening is said before any work.
    try (OpeningEngine engine = OpeningEngine.begin(settings)) {
      CorpusPlan plan = plan(spark, records, found);
      engine.await();
      return infer(spark, output, records, settings, plan);
    }
  }

  private CorpusPlan plan(SparkSession spark, Dataset<Row> records, Iterator<FinishedRow> found) {
    return CorpusSurvey.plan(
        records,
        options.inference().engine().partitions(),
        InferResources.automaticPartitions(spark.sparkContext()),
        policies.size(),
        options.inference().sampling().end().maxTokens(),
        found);
  }

  /** What earlier runs have finished: nothing, unless this run goes on with their work. */
  private Iterator<FinishedRow> earlier(
      SparkSession spark, OutputFolder output, Dataset<Row> records, InferSettings settings)
      throws IOException {
    if (!output.hasAnswers()) {
      return Collections.emptyIterator();
    }
    EarlierAnswers.checkColumns(spark, output);
    if (!options.output().resume()) {
      return Collections.emptyIterator();
    }
    EarlierAnswers earlier =
        new EarlierAnswers(
            spark,
            output,
            settings,
            RunJson.decides(options.listing(), settings, model.fingerprint()));
    earlier.check(records);
    if (options.output().retryErrors()) {
      out.printf("%d error rows are computed again%n", earlier.dropErrors());
    }
    return earlier.finished();
  }

  private int infer(
      SparkSession spark,
      OutputFolder output,
      Dataset<Row> records,
      InferSettings settings,
      CorpusPlan plan)
      throws IOException {
    out.printf(
        "%s, %s x %s, %s%s%n",
        Quantities.counted(plan.records(), "document"),
        Quantities.counted(plan.questions(), "question"),
        policies.size() == 1 ? "1 policy" : policies.size() + " policies",
        Quantities.counted(plan.partitions(), "partition"),
        plan.rowsFound() == 0 ? "" : ", " + plan.rowsFound() + " rows found finished");
    RunCounters counters = RunCounters.register(spark.sparkContext());
    counters.found().add(plan.rowsFound());
    Instant startedAt = Instant.now();
    long startedNanos = System.nanoTime();
    output.writeRunJson(
        RunJson.begun(
            options.listing(), settings, facts(spark, settings, plan, startedAt, 0, counters)));
    ProgressLine progress =
        new ProgressLine(
            out,
            System.console() != null,
            counters,
            plan.recordsLeft(),
            plan.questions() * policies.size() - plan.rowsFound());
    spark.sparkContext().addSparkListener(progress);
    try (progress) {
      AnswerWriter.write(
          output,
          PartitionedCorpus.planned(records, plan),
          settings,
          counters,
          options.output().answerBatchRows());
    } finally {
      spark.sparkContext().removeSparkListener(progress);
    }
    long duration = System.nanoTime() - startedNanos;
    RunFacts facts = facts(spark, settings, plan, startedAt, duration, counters);
    return report(spark, output, settings, facts, plan, counters);
  }

  private int report(
      SparkSession spark,
      OutputFolder output,
      InferSettings settings,
      RunFacts facts,
      CorpusPlan plan,
      RunCounters counters)
      throws IOException {
    Map<String, EngineReport> engines = counters.engines().value();
    List<PolicyStats> stats = StatsWriter.write(spark, output, settings, facts, engines.values());
    output.rewriteRunJson(
        RunJson.of(
            options.listing(),
            settings,
            facts,
            engines,
            counters.found().value(),
            counters.kept().value()));
    out.println();
    out.print(ResultTable.of(stats));
    out.println();
    out.printf(
        "%s; engine start-up %.1f s, inference %.1f s%n",
        stats.get(0).startUpSeconds() > 0 ? facts.runId() : facts.runId() + " (no engine ran)",
        stats.get(0).startUpSeconds(),
        facts.durationNanos() / NANOS_PER_S);
    if (plan.rowsFound() > 0) {
      out.printf("%d rows were found finished and not computed again%n", plan.rowsFound());
    }
    out.printf("answers  %s%nstats    %s%n", output.answers(), output.stats());
    if (output.hasSteps()) {
      out.printf("steps    %s%n", output.steps());
    }
    out.printf("run      %s%n", output.runJson());
    long rows = plan.rowsFound() + stats.stream().mapToLong(PolicyStats::rows).sum();
    long failed = plan.errorsFound() + stats.stream().mapToLong(PolicyStats::failed).sum();
    double allowed = options.output().maxErrorRate();
    if (rows > 0 && (double) failed / rows > allowed) {
      out.printf(
          "%d of %d rows are error rows, more than --max-error-rate %s allows; see error_code in"
              + " the answers.%n",
          failed, rows, allowed);
      MostFrequentError.read(spark, output).ifPresent(out::println);
      return ExitCode.TOO_MANY_ERRORS;
    }
    return unusedBudget(stats) ? ExitCode.BUDGET_NEVER_USED : ExitCode.DONE;
  }

  /**
   * A comparison with a budget that never took effect compares dense with dense: say so, loudly.
   */
  private boolean unusedBudget(List<PolicyStats> stats) {
    boolean unused = false;
    for (PolicyStats policy : stats) {
      if (policy.neverSparse()) {
        unused = true;
        out.printf(
            "%s with kv_budget %d never read less than dense attention: no context was longer than"
                + " the budget (or than sparse_min_context). Lower it, or use --selectors all.%n",
            policy.policy().selector(), policy.policy().kvBudget());
      }
    }
    return unused;
  }

  private RunFacts facts(
      SparkSession spark,
      InferSettings settings,
      CorpusPlan plan,
      Instant startedAt,
      long durationNanos,
      RunCounters counters) {
    // On a cluster the first tasks open the engines inside the measured time; start-up is told
    // apart.
    long startUp =
        spark.sparkContext().isLocal()
            ? 0
            : counters.engines().value().values().stream()
                .mapToLong(engine -> engine.modelLoadNanos() + engine.warmupNanos())
                .max()
                .orElse(0);
    return new RunFacts(
        settings.runId(),
        startedAt,
        durationNanos - startUp,
        RunSettings.version(),
        spark.version(),
        model.fingerprint(),
        plan.records(),
        plan.partitions());
  }
}
