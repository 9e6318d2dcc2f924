package dev.questspark.job.run;

import static org.apache.spark.sql.functions.col;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.job.corpus.CorpusReader;
import dev.questspark.job.executor.OpeningEngine;
import dev.questspark.job.executor.Policies;
import dev.questspark.job.infer.InferStage;
import dev.questspark.job.infer.RunCounters;
import dev.questspark.job.input.FileInput;
import dev.questspark.job.model.ModelFolder;
import dev.questspark.job.options.BoundOptions;
import dev.questspark.job.options.Choices.FailOn;
import dev.questspark.job.options.ExitCode;
import dev.questspark.job.output.CorpusChanges;
import dev.questspark.job.output.EarlierAnswers;
import dev.questspark.job.output.PolicyStats;
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
import dev.questspark.job.table.OutputTable;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.Column;
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
  private final Optional<Instant> deadline;

  /**
   * Checks everything that needs no Spark.
   *
   * @throws dev.questspark.engine.failure.ConfigException on the first thing that is wrong
   */
  public JobRun(BoundOptions options, PrintStream out) {
    this.options = options;
    this.out = out;
    options.inference().requireReader();
    this.policies = Policies.ofAnswers(options.inference());
    this.templates = TaskTemplates.of(options.inference().prompt());
    this.console = new RunConsole(out);
    this.deadline =
        Optional.ofNullable(options.output().schedule().deadline())
            .map(given -> given.after(ZonedDateTime.now()));
  }

  /** Whether the prompt template has a place for a question. */
  public boolean asksQuestion() {
    return templates.asksQuestion();
  }

  /** Runs; returns the process's exit code. */
  public int run(SparkSession spark) throws IOException {
    OpenRun run = OpenRun.open(spark, options, policies, templates, "");
    FileInput.refuseInside(
        options.corpus(), run.output().root(), spark.sparkContext().hadoopConfiguration());
    Optional<OutputTable> table =
        Optional.ofNullable(options.output().table()).map(name -> OutputTable.of(spark, name));
    // The session may be shared: a lost lock ends this run's jobs and nobody else's.
    spark.sparkContext().setJobGroup(run.settings().runId(), "reads what the input is", false);
    try (CorpusReader corpus = new CorpusReader(spark, options.corpus(), out::println)) {
      int code = run(run, corpus.read());
      spark.sparkContext().setJobDescription("writes the output table");
      table.ifPresent(known -> known.write(run.output().answers().read(spark).where(ours(run))));
      return code;
    }
  }

  /** What this run's options have made, by this run or those that it goes on with. */
  private static Column ours(OpenRun run) {
    return col("params_hash").equalTo(run.settings().paramsHash());
  }

  private int run(OpenRun run, Dataset<Row> records) throws IOException {
    SparkSession spark = run.spark();
    String runId = run.settings().runId();
    Runnable stop = () -> spark.sparkContext().cancelJobGroup(runId);
    Duration patience = Duration.ofSeconds(options.output().schedule().waitForLockSeconds());
    ExecutorLosses losses = ExecutorLosses.of(spark.sparkContext(), out);
    try (RunLock lock = run.output().lock(runId, stop, patience)) {
      if (!run.output().prepare(options.output().existing())) {
        console.leftAsItIs(run);
        return ExitCode.DONE;
      }
      RunRecord record = new RunRecord(run, options.listing(), losses);
      try {
        int code = answer(run, records, record);
        run.output().clearTraces(); // only now is the driver's own engine done with its
        return code;
      } catch (RuntimeException failure) {
        RuntimeException told = lock.lost() ? stopped(run, failure) : failure;
        if (!lock.lost()) {
          record.failed(told);
        }
        throw told;
      }
    } finally {
      spark.sparkContext().removeSparkListener(losses);
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
  private int answer(OpenRun run, Dataset<Row> records, RunRecord record) throws IOException {
    SparkContext spark = run.spark().sparkContext();
    spark.setJobDescription("compares the corpus with earlier answers");
    Optional<EarlierAnswers> earlier = earlier(run, records);
    Optional<CorpusChanges> changes = changes(run, records, earlier);
    spark.setJobDescription("surveys the corpus");
    try (OpeningEngine engine = OpeningEngine.begin(run.settings(), spark)) {
      CorpusPlan plan =
          CorpusSurvey.plan(
              records,
              options.inference().engine().partitions(),
              InferResources.automaticPartitions(spark),
              policies.size(),
              options.inference().sampling().end().maxTokens(),
              earlier
                  .map(EarlierAnswers::finished)
                  .orElseGet(Collections::<FinishedRow>emptyIterator));
      if (plan.records() == 0 && options.output().failOn().contains(FailOn.EMPTY)) {
        throw new ConfigException(
            "Input "
                + options.corpus().input().shown()
                + " has no document, which --fail-on empty takes for a failure; check --input.");
      }
      engine.await(); // whatever keeps it from opening is said before any work
      console.model(run);
      console.begins(run, options.inference().engine(), plan, policies);
      changes.ifPresent(found -> console.updates(plan, found));
      RunCounters counters = RunCounters.register(spark);
      counters.found().add(plan.rowsFound());
      boolean whole = infer(run, records, plan, counters, record);
      settle(run, changes, whole);
      return finish(run, plan, counters, record, whole);
    }
  }

  /** What earlier runs have finished: nothing, unless this run goes on with their work. */
  private Optional<EarlierAnswers> earlier(OpenRun run, Dataset<Row> records) throws IOException {
    if (!run.output().answers().hasAnswers()) {
      return Optional.empty();
    }
    EarlierAnswers.checkColumns(run.spark(), run.output());
    if (!options.output().existing().goesOn()) {
      return Optional.empty();
    }
    EarlierAnswers earlier =
        new EarlierAnswers(
            run.spark(),
            run.output(),
            run.settings(),
            RunJson.decides(
                options.listing(),
                run.settings(),
                run.model().fingerprint(),
                run.reader().map(ModelFolder::fingerprint)));
    earlier.checkOptions();
    if (!options.output().existing().update()) {
      earlier.checkDocuments(records);
    }
    if (options.output().existing().retryErrors()) {
      console.computesAgain(earlier.dropErrors());
    }
    return Optional.of(earlier);
  }

  /** How the corpus differs from the one that was answered, if this run brings it up to date. */
  private Optional<CorpusChanges> changes(
      OpenRun run, Dataset<Row> records, Optional<EarlierAnswers> earlier) throws IOException {
    if (!options.output().existing().update() || earlier.isEmpty()) {
      return Optional.empty();
    }
    CorpusChanges changes = new CorpusChanges(run.spark(), run.output(), run.settings(), records);
    changes.reclaim(run.spark());
    return Optional.of(changes);
  }

  /** Returns whether no document was left. */
  private boolean infer(
      OpenRun run, Dataset<Row> records, CorpusPlan plan, RunCounters counters, RunRecord record)
      throws IOException {
    SparkContext spark = run.spark().sparkContext();
    spark.setJobDescription("answers with " + Policies.shown(policies));
    record.begins(plan);
    long startedNanos = System.nanoTime();
    ProgressLine progress =
        new ProgressLine(
            out,
            System.console() != null,
            counters,
            plan.recordsLeft(),
            plan.questions() * policies.size() - plan.rowsFound());
    spark.addSparkListener(progress);
    boolean whole;
    try (progress) {
      whole =
          InferStage.run(
              PartitionedCorpus.planned(records, plan),
              run.settings(),
              counters,
              run.output().answers(),
              options.output().answerBatchRows(),
              deadline);
    } finally {
      spark.removeSparkListener(progress);
    }
    record.inferred(System.nanoTime() - startedNanos - startUpInside(spark, counters));
    return whole;
  }

  /** Brings the output into the shape that readers find. */
  private void settle(OpenRun run, Optional<CorpusChanges> changes, boolean whole)
      throws IOException {
    SparkSession spark = run.spark();
    if (changes.isPresent()) {
      spark.sparkContext().setJobDescription("marks documents that have vanished or changed");
      changes.get().settle(spark);
    }
    if (whole && options.output().compact()) {
      spark.sparkContext().setJobDescription("joins small files of answers");
      run.output().answers().compact(spark, run.settings().runId());
    }
    run.output().answers().end(run.settings().runId(), whole);
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

  private int finish(
      OpenRun run, CorpusPlan plan, RunCounters counters, RunRecord record, boolean whole)
      throws IOException {
    run.spark().sparkContext().setJobDescription("statistics of the answers");
    List<PolicyStats> stats =
        StatsWriter.write(
            run.spark(),
            run.output(),
            run.settings(),
            record.facts(),
            counters.engines().value().values(),
            record.losses(counters));
    console.ends(run, plan, record.facts(), stats);
    console.unfinishedReasoning(stats, options.inference().sampling().end().maxTokens());
    int code = code(run, plan, stats, whole);
    record.ends(code, stats, counters);
    return code;
  }

  private int code(OpenRun run, CorpusPlan plan, List<PolicyStats> stats, boolean whole) {
    boolean unused = console.unusedBudget(stats);
    boolean failed = console.tooManyErrors(run, plan, stats, options.output().maxErrorRate());
    if (!whole) {
      console.stopped(options.output(), plan, stats, policies.size());
      return ExitCode.STOPPED_AT_DEADLINE;
    }
    if (failed) {
      return ExitCode.TOO_MANY_ERRORS;
    }
    return unused && options.output().failOn().contains(FailOn.UNUSED_BUDGET)
        ? ExitCode.BUDGET_NEVER_USED
        : ExitCode.DONE;
  }
}
