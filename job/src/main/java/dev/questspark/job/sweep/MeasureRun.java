package dev.questspark.job.sweep;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.stats.EngineReport;
import dev.questspark.engine.stats.PolicyReport;
import dev.questspark.engine.study.ReferenceWindow;
import dev.questspark.engine.tokens.HfTokenizer;
import dev.questspark.engine.tokens.Tokenizer;
import dev.questspark.job.corpus.CorpusReader;
import dev.questspark.job.corpus.Document;
import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.eval.EvalSettings;
import dev.questspark.job.eval.Evaluation;
import dev.questspark.job.eval.suite.SuiteInput;
import dev.questspark.job.eval.suite.Suites;
import dev.questspark.job.executor.EngineReports;
import dev.questspark.job.executor.OpeningEngine;
import dev.questspark.job.input.FileInput;
import dev.questspark.job.options.Aspect;
import dev.questspark.job.options.BoundOptions;
import dev.questspark.job.options.Choices.Command;
import dev.questspark.job.options.Choices.OnTooLong;
import dev.questspark.job.options.ExitCode;
import dev.questspark.job.options.MeasureOptions.Windows;
import dev.questspark.job.options.Suite;
import dev.questspark.job.output.OutputFolder;
import dev.questspark.job.output.RunFacts;
import dev.questspark.job.output.RunJson;
import dev.questspark.job.partition.CorpusSurvey;
import dev.questspark.job.partition.PartitionedCorpus;
import dev.questspark.job.prompt.ChatPrompts;
import dev.questspark.job.prompt.TaskTemplates;
import dev.questspark.job.report.Report;
import dev.questspark.job.resources.InferResources;
import dev.questspark.job.run.OpenRun;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * {@code sweep} and {@code eval}: many policies on the same documents, speed and quality (sweep) or
 * quality alone (eval). Ends with the report. A run that was interrupted goes on where it stopped:
 * what is finished lies in {@code cells/}.
 */
public final class MeasureRun {
  private static final long MIB = 1 << 20;

  private final BoundOptions options;
  private final PrintStream out;
  private final Suite suite;
  private final List<ReadPolicy> policies;
  private final List<CachePolicy> cachePolicies;
  private final TaskTemplates templates;
  private final OnTooLong onTooLong;

  /**
   * Checks everything that needs no Spark.
   *
   * @throws ConfigException on the first thing that is wrong
   */
  public MeasureRun(BoundOptions options, PrintStream out) {
    this.options = options;
    this.out = out;
    this.suite = options.measure().suite().suite();
    this.policies = SweepPolicies.of(options.inference(), options.measure());
    this.templates = TaskTemplates.of(options.inference().prompt());
    this.onTooLong = Suites.onTooLong(suite, options.inference().longDocuments());
    options.inference().requireReader();
    this.cachePolicies = options.inference().selection().cachePolicies();
    if (suite == Suite.PERPLEXITY && cachePolicies.size() > 1) {
      throw new ConfigException(
          "--suite perplexity feeds a text token by token, so that there is no document for cache_policy "
              + cachePolicies.get(1).text()
              + "; --suite divergence measures the tokens after one.");
    }
  }

  /** Runs; returns the process's exit code. */
  public int run(SparkSession spark) throws IOException {
    if (suite != Suite.CALIBRATION) {
      return run(spark, () -> {});
    }
    HeadCalibration calibration = new HeadCalibration(options, spark);
    int code = new MeasureRun(calibration.options(), out).run(spark, calibration::prepare);
    if (code == ExitCode.DONE) {
      calibration.write(spark, out);
    }
    return code;
  }

  /**
   * @param prepare what is done once the output folder is there
   */
  private int run(SparkSession spark, Runnable prepare) throws IOException {
    OpenRun run = OpenRun.open(spark, options, policies, templates, String.valueOf(onTooLong));
    FileInput.refuseInside(
        options.corpus(), run.output().root(), spark.sparkContext().hadoopConfiguration());
    run.output().prepareMeasurement();
    prepare.run();
    List<EvalDocument> documents = documents(run);
    if (suite == Suite.DIVERGENCE || suite == Suite.CALIBRATION) {
      tellCost(run, documents.size());
    }
    try (OpeningEngine engine = OpeningEngine.begin(run.settings(), spark.sparkContext())) {
      engine.await();
      if (run.model().visible()) {
        String said = ChatPrompts.said(run.settings().options().prompt(), run.model().path());
        if (!said.isEmpty()) {
          out.println(said);
        }
      }
      return measure(run, documents);
    }
  }

  private List<EvalDocument> documents(OpenRun run) {
    Path model = run.model().path();
    try (Tokenizer tokenizer = HfTokenizer.open(model)) {
      return Suites.documents(
          new SuiteInput(
              options.measure().suite(),
              tokenizer,
              templates.ask(),
              maxModelLen(model),
              () -> corpus(run.spark()),
              sentence -> out.printf("left out: %s%n", sentence)));
    }
  }

  /** What the windows take: tokens to prefill, rows to feed, and host memory beside the engine. */
  private void tellCost(OpenRun run, int windows) {
    Windows each = options.measure().suite().windows();
    int vocabulary = config(run.model().path()).vocabSize();
    int prefills = cachePolicies.size();
    out.printf(
        Locale.ROOT,
        "%,d windows of %,d tokens, each after %,d: %,d tokens to prefill once%s, %,d rows to feed under"
            + " %d policies%s.%nEach task keeps dense attention's logits of its window on the host, %,d x"
            + " %,d x 4 bytes = %,d MiB, and as much again for a policy that gets ahead of it.%n",
        windows,
        each.windowTokens(),
        each.prefixTokens(),
        (long) windows * each.prefixTokens(),
        prefills > 1 ? " under each of " + prefills + " cache policies" : "",
        (long) windows * each.windowTokens() * policies.size() * prefills,
        policies.size(),
        prefills > 1 ? " under each of them" : "",
        each.windowTokens(),
        vocabulary,
        (ReferenceWindow.bytes(each.windowTokens(), vocabulary) + MIB - 1) / MIB);
  }

  private int maxModelLen(Path model) {
    int given = options.inference().engine().batching().maxModelLen();
    return given > 0 ? given : config(model).contextTokens();
  }

  private ModelConfig config(Path model) {
    return ModelConfigReader.read(model, options.inference().engine().model().configOverrides());
  }

  /** The input's documents, sound ones only; suites are small enough for the driver. */
  private List<Document> corpus(SparkSession spark) {
    try (CorpusReader reader =
        new CorpusReader(
            spark,
            suite.asksInput() ? options.corpus() : options.corpus().textsAlone(),
            out::println)) {
      return corpus(reader.read());
    }
  }

  private List<Document> corpus(Dataset<Row> records) {
    List<Document> documents = new ArrayList<>();
    int defects = 0;
    for (Document document :
        PartitionedCorpus.of(
                records, CorpusSurvey.plan(records, 1, 1, 1, 1, Collections.emptyIterator()))
            .collect()) {
      if (document.defect().isEmpty()) {
        documents.add(document);
      } else {
        defects++;
        out.printf("left out: %s (%s)%n", document.id(), document.defect().orElseThrow().message());
      }
    }
    documents.sort((a, b) -> a.id().compareTo(b.id()));
    if (documents.isEmpty()) {
      throw new ConfigException(
          "No document of --input can be used; " + defects + " are defective.");
    }
    return documents;
  }

  private boolean tooManyErrors(Evaluation.Outcome outcome) {
    double allowed = options.output().maxErrorRate();
    boolean tooMany = outcome.errorRows() > allowed * outcome.qualityRows();
    if (tooMany) {
      out.printf(
          "%d of %d rows are error rows, more than --max-error-rate %s allows; see error_code in"
              + " quality/.%n",
          outcome.errorRows(), outcome.qualityRows(), allowed);
    }
    return tooMany;
  }

  private int measure(OpenRun run, List<EvalDocument> documents) throws IOException {
    SparkSession spark = run.spark();
    OutputFolder output = run.output();
    EngineReports reports = new EngineReports();
    spark.sparkContext().register(reports, "engines");
    Instant startedAt = Instant.now();
    long started = System.nanoTime();
    if (Suites.cutsByProtocol(suite, options.inference().longDocuments())) {
      out.printf(
          "Suite %s cuts the middle out of documents over max_model_len, as its protocol has it;"
              + " --on-too-long error makes error rows of them.%n",
          suite.word());
    }
    int wanted = options.inference().engine().partitions();
    int partitions = wanted > 0 ? wanted : InferResources.automaticPartitions(spark.sparkContext());
    Evaluation.Outcome outcome =
        new Evaluation(
                spark,
                output.toString(),
                new EvalSettings(
                    run.settings(),
                    onTooLong,
                    EvalSettings.Protocol.of(options.measure()),
                    EvalSettings.spread(documents, studied()),
                    output.cells()),
                out)
            .run(documents, partitions, reports);
    RunFacts facts =
        run.facts(startedAt, System.nanoTime() - started, outcome.documents(), partitions);
    if (outcome.documents() > outcome.found()) { // otherwise nothing ran, and run.json still holds
      output.writeRunJson(RunJson.of(options.listing(), run.settings(), facts, reports.value()));
    }
    Report report = Report.read(spark, output.toString(), options.measure().allowed());
    report.write();
    out.println();
    report.print(out);
    if (tooManyErrors(outcome)) {
      return ExitCode.TOO_MANY_ERRORS;
    }
    return outcome.found() == 0 && unusedBudget(reports.value().values())
        ? ExitCode.BUDGET_NEVER_USED
        : ExitCode.DONE;
  }

  /** Documents whose attention is studied: none in a suite that nobody can ask for it. */
  private int studied() {
    return suite.reads(Aspect.STUDY) ? options.measure().selectionStudy() : 0;
  }

  /**
   * Whether dense attention was compared with itself, because no context was longer than a budget.
   *
   * @param engines of a sweep of which no part was found finished
   */
  private boolean unusedBudget(Collection<EngineReport> engines) {
    if (options.command() != Command.SWEEP || suite != Suite.CORPUS) {
      return false; // a suite sets its own lengths
    }
    Set<ReadPolicy> used =
        engines.stream()
            .flatMap(engine -> engine.policies().stream())
            .filter(report -> report.reads().sparseSteps() > 0)
            .map(PolicyReport::policy)
            .collect(Collectors.toSet());
    List<ReadPolicy> unused =
        policies.stream().filter(policy -> !policy.dense() && !used.contains(policy)).toList();
    for (ReadPolicy policy : unused) {
      out.printf(
          "%s never read less than dense attention: no context was longer than its budget (or than"
              + " its least context). Leave it out, or measure longer documents.%n",
          policy.text());
    }
    return !unused.isEmpty();
  }
}
