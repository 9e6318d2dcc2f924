package dev.questspark.job.eval;

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
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.LongAccumulator;

/**
 * Measures a suite as one Spark job: {@code suite.jsonl} (what is asked), {@code cells/} (one file
 * per finished document), then {@code quality/}, {@code speed/} and {@code selection/} from all
 * results.
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
    List<String> names = writeSuite(suite);
    DocumentResultFiles results =
        new DocumentResultFiles(settings.cellsFolder(), settings.infer().hadoop().value());
    int missing = (int) names.stream().filter(name -> !results.has(name)).count();
    out.printf(
        "%d documents, %d policies, %d to measure, %d found finished%n",
        names.size(), settings.infer().policies().size(), missing, names.size() - missing);
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
    return writeTables(names, results, names.size() - missing);
  }

  private Outcome writeTables(List<String> names, DocumentResultFiles results, int found) {
    List<QualityRow> quality = new ArrayList<>();
    List<SpeedRow> speed = new ArrayList<>();
    List<SelectionRow> selection = new ArrayList<>();
    for (String name : names) {
      DocumentResult result = results.read(name);
      quality.addAll(result.quality());
      speed.addAll(result.speed());
      selection.addAll(result.selection());
    }
    new RecordTable<>(QualityRow.class).write(spark, quality, output + "/quality");
    new RecordTable<>(SpeedRow.class).write(spark, speed, output + "/speed");
    new RecordTable<>(SelectionRow.class).write(spark, selection, output + "/selection");
    int errors = (int) quality.stream().filter(row -> row.outcome().failed()).count();
    return new Outcome(names.size(), found, quality.size(), errors);
  }

  private Path suiteFile() {
    return new Path(output, "suite.jsonl");
  }

  /** Writes a line per document; returns the names of their results. */
  private List<String> writeSuite(List<EvalDocument> suite) throws IOException {
    Configuration hadoop = settings.infer().hadoop().value();
    List<String> names = new ArrayList<>();
    try (var stream = suiteFile().getFileSystem(hadoop).create(suiteFile(), true)) {
      for (EvalDocument document : suite) {
        String line = Json.LINES.toJson(document);
        stream.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        names.add(settings.resultName(document, line));
      }
    }
    return names;
  }
}
