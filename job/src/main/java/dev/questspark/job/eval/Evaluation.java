package dev.questspark.job.eval;

import dev.questspark.job.eval.rows.PrefillRow;
import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.RecordTable;
import dev.questspark.job.eval.rows.SelectionRow;
import dev.questspark.job.eval.rows.SpeedRow;
import dev.questspark.job.executor.EngineReports;
import dev.questspark.job.executor.Policies;
import dev.questspark.job.resources.InferResources;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;

/**
 * Measures a suite as one Spark job: {@code suite.jsonl} (what is asked), {@code cells/} (what is
 * finished of each document, see {@link DocumentCells}), then {@code quality/}, {@code speed/},
 * {@code selection/} and {@code prefill_selection/} from all results.
 */
public final class Evaluation {
  private final SparkSession spark;
  private final String output;
  private final EvalSettings settings;
  private final PrintStream out;

  /**
   * @param output folder of the tables
   */
  public Evaluation(SparkSession spark, String output, EvalSettings settings, PrintStream out) {
    this.spark = spark;
    this.output = output;
    this.settings = settings;
    this.out = out;
  }

  /** How much was measured. */
  public record Outcome(int documents, int found, int qualityRows, int errorRows) {}

  /** Measures what has no result yet and writes the tables. */
  public Outcome run(List<EvalDocument> suite, int partitions, EngineReports reports)
      throws IOException {
    List<DocumentCells> cells = writeSuite(suite);
    DocumentResultFiles results =
        new DocumentResultFiles(settings.cellsFolder(), settings.infer().hadoop().value());
    Set<String> finishedCells = results.names();
    int missing =
        (int) cells.stream().filter(it -> !it.missing(finishedCells::contains).nothing()).count();
    int cachePolicies = settings.infer().cachePolicies().size();
    out.printf(
        "%d documents, %d policies%s, %d to measure, %d found finished%n",
        cells.size(),
        settings.infer().policies().size(),
        cachePolicies > 1 ? " under each of " + cachePolicies + " cache policies" : "",
        missing,
        cells.size() - missing);
    if (missing > 0) {
      JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
      LongAccumulator finished = spark.sparkContext().longAccumulator("finished documents");
      spark
          .sparkContext()
          .setJobGroup(
              settings.infer().runId(),
              "measuring " + Policies.shown(settings.infer().policies()),
              false);
      // From the file: long texts inside the tasks themselves would burden driver and network.
      InferResources.on(
              context.textFile(suiteFile().toString(), partitions), settings.infer().options())
          .foreachPartition(new MeasurePartition(settings, reports, finished));
    }
    return writeTables(cells, results, cells.size() - missing);
  }

  private Outcome writeTables(List<DocumentCells> cells, DocumentResultFiles results, int found) {
    List<QualityRow> quality = new ArrayList<>();
    List<SpeedRow> speed = new ArrayList<>();
    List<SelectionRow> selection = new ArrayList<>();
    List<PrefillRow> prefill = new ArrayList<>();
    List<DocumentResult> finished =
        cells.stream()
            .flatMap(document -> document.names().stream())
            .toList()
            .parallelStream() // each is a file of its own, maybe far away
            .map(results::read)
            .toList();
    for (DocumentResult result : finished) {
      quality.addAll(result.quality());
      speed.addAll(result.speed());
      selection.addAll(result.selection());
      prefill.addAll(result.prefill());
    }
    new RecordTable<>(QualityRow.class).write(spark, quality, output + "/quality");
    new RecordTable<>(SpeedRow.class).write(spark, speed, output + "/speed");
    new RecordTable<>(SelectionRow.class).write(spark, selection, output + "/selection");
    new RecordTable<>(PrefillRow.class).write(spark, prefill, output + "/prefill_selection");
    int errors = (int) quality.stream().filter(row -> row.outcome().failed()).count();
    return new Outcome(cells.size(), found, quality.size(), errors);
  }

  private Path suiteFile() {
    return new Path(output, "suite.jsonl");
  }

  /** Writes a line per document; returns the names of their results. */
  private List<DocumentCells> writeSuite(List<EvalDocument> suite) throws IOException {
    Configuration hadoop = settings.infer().hadoop().value();
    List<DocumentCells> cells = new ArrayList<>();
    try (var stream = suiteFile().getFileSystem(hadoop).create(suiteFile(), true)) {
      for (EvalDocument document : suite) {
        String line = Json.LINES.toJson(document);
        stream.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        cells.add(DocumentCells.of(settings, document, line));
      }
    }
    return cells;
  }
}
