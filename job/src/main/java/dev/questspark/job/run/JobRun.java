package dev.questspark.job.run;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.job.corpus.CorpusReader;
import dev.questspark.job.executor.OpeningEngine;
import dev.questspark.job.executor.Policies;
import dev.questspark.job.infer.InferStage;
import dev.questspark.job.infer.RunCounters;
import dev.questspark.job.options.BoundOptions;
import dev.questspark.job.options.ExitCode;
import dev.questspark.job.output.EarlierAnswers;
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
import dev.questspark.job.prompt.TaskTemplates;
import dev.questspark.job.resources.InferResources;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Instant;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** One run: corpus, plan, inference, output, in this order. */
public final class JobRun {
  private final BoundOptions options;
  private final List<ReadPolicy> policies;
  private final TaskTemplates templates;
  private final RunConsole console;
  private final PrintStream out;

  /**
   * Checks everything that needs no Spark.
   *
   * @throws dev.questspark.engine.failure.ConfigException on the first thing that is wrong
   */
  public JobRun(BoundOptions options, PrintStream out) {
    this.options = options;
    this.out = out;
    this.policies = Policies.ofAnswers(options.inference());
    this.templates = TaskTemplates.of(options.inference().prompt());
    this.console = new RunConsole(out);
  }

  /** Whether the prompt template has a place for a question. */
  public boolean asksQuestion() {
    return templates.asksQuestion();
  }

  /** Runs; returns the process's exit code. */
  public int run(SparkSession spark) throws IOException {
    OpenRun run = OpenRun.open(spark, options, policies, templates, "");
    Dataset<Row> records = new CorpusReader(spark, options.corpus()).read();
    String runId = run.settings().runId();
    // The session may be shared: a lost lock ends this run's jobs and nobody else's.
    spark.sparkContext().setJobGroup(runId, "answers with " + Policies.shown(policies), false);
    Runnable stop = () -> spark.sparkContext().cancelJobGroup(runId);
    try (RunLock lock = run.output().lock(runId, stop)) {
      if (!run.output().prepare(options.output().mode(), options.output().resume())) {
        console.leftAsItIs(run);
        return ExitCode.DONE;
      }
      try {
        return answer(run, records);
      } catch (RuntimeException failure) {
        throw lock.lost() ? stopped(run, failure) : failure;
      }
    }
  }

  private static IllegalStateException stopped(OpenRun run, RuntimeException failure) {
    return new IllegalStateException(
        "run "
            + run.settings().runId()
            + " was stopped: its lock on "
            + run.output()
            + " expired and another run took over",
        failure);
  }

  /** In a local run the engine opens while the corpus is surveyed. */
  private int answer(OpenRun run, Dataset<Row> records) throws IOException {
    Iterator<FinishedRow> found = earlier(run, records);
    SparkContext spark = run.spark().sparkContext();
    try (OpeningEngine engine = OpeningEngine.begin(run.settings(), spark)) {
      CorpusPlan plan =
          CorpusSurvey.plan(
              records,
              options.inference().engine().partitions(),
              InferResources.automaticPartitions(spark),
              policies.size(),
              options.inference().sampling().end().maxTokens(),
              found);
      engine.await(); // whatever keeps it from opening is said before any work
      console.begins(plan, policies);
      RunCounters counters = RunCounters.register(spark);
      counters.found().add(plan.rowsFound());
      RunFacts facts = infer(run, records, plan, counters);
      return finish(run, plan, counters, facts);
    }
  }

  /** What earlier runs have finished: nothing, unless this run goes on with their work. */
  private Iterator<FinishedRow> earlier(OpenRun run, Dataset<Row> records) throws IOException {
    if (!run.output().answers().hasAnswers()) {
      return Collections.emptyIterator();
    }
    EarlierAnswers.checkColumns(run.spark(), run.output());
    if (!options.output().resume()) {
      return Collections.emptyIterator();
    }
    EarlierAnswers earlier =
        new EarlierAnswers(
            run.spark(),
            run.output(),
            run.settings(),
            RunJson.decides(options.listing(), run.settings(), run.model().fingerprint()));
    earlier.check(records);
    if (options.output().retryErrors()) {
      console.computesAgain(earlier.dropErrors());
    }
    return earlier.finished();
  }

  private RunFacts infer(OpenRun run, Dataset<Row> records, CorpusPlan plan, RunCounters counters)
      throws IOException {
    SparkContext spark = run.spark().sparkContext();
    Instant startedAt = Instant.now();
    long startedNanos = System.nanoTime();
    run.output()
        .writeRunJson(
            RunJson.begun(
                options.listing(),
                run.settings(),
                run.facts(startedAt, 0, plan.records(), plan.partitions())));
    ProgressLine progress =
        new ProgressLine(
            out,
            System.console() != null,
            counters,
            plan.recordsLeft(),
            plan.questions() * policies.size() - plan.rowsFound());
    spark.addSparkListener(progress);
    try (progress) {
      InferStage.run(
          PartitionedCorpus.planned(records, plan),
          run.settings(),
          counters,
          run.output().answers(),
          options.output().answerBatchRows());
    } finally {
      spark.removeSparkListener(progress);
    }
    long duration = System.nanoTime() - startedNanos - startUpInside(spark, counters);
    return run.facts(startedAt, duration, plan.records(), plan.partitions());
  }

  /** On a cluster the first tasks open the engines, which is no part of the inference. */
  private static long startUpInside(SparkContext spark, RunCounters counters) {
    return spark.isLocal()
        ? 0
        : counters.engines().value().values().stream()
            .mapToLong(engine -> engine.setup().startUpNanos())
            .max()
            .orElse(0);
  }

  private int finish(OpenRun run, CorpusPlan plan, RunCounters counters, RunFacts facts)
      throws IOException {
    var engines = counters.engines().value();
    List<PolicyStats> stats =
        StatsWriter.write(run.spark(), run.output(), run.settings(), facts, engines.values());
    run.output()
        .rewriteRunJson(
            RunJson.of(
                options.listing(),
                run.settings(),
                facts,
                engines,
                counters.found().value(),
                counters.kept().value()));
    console.ends(run, plan, facts, stats);
    if (console.tooManyErrors(run, plan, stats, options.output().maxErrorRate())) {
      return ExitCode.TOO_MANY_ERRORS;
    }
    return console.unusedBudget(stats) ? ExitCode.BUDGET_NEVER_USED : ExitCode.DONE;
  }
}
