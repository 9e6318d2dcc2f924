package dev.questspark.job.eval;

import dev.questspark.job.infer.EngineReports;
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
 * cells.
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

  /** Measures what has no cell yet and writes the tables. */
  public Outcome run(List<EvalDocument> suite, int partitions, EngineReports reports)
      throws IOException {
    List<String> lines =
        watched(suite, settings.studiedDocuments()).stream().map(Json.LINES::toJson).toList();
    writeSuite(lines);
    CellFiles cells = new CellFiles(settings.cellsFolder(), settings.infer().hadoop().value());
    List<String> missing = lines.stream().filter(line -> !cells.has(name(line))).toList();
    out.printf(
        "%d documents, %d policies, %d cells to measure, %d found finished%n",
        lines.size(),
        settings.infer().policies().size(),
        missing.size(),
        lines.size() - missing.size());
    if (!missing.isEmpty()) {
      JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
      LongAccumulator finished = spark.sparkContext().longAccumulator("finished documents");
      spark.sparkContext().setJobDescription("measuring run " + settings.infer().runId());
      context
          .parallelize(missing, Math.max(1, Math.min(partitions, missing.size())))
          .foreachPartition(new MeasurePartition(settings, reports, finished));
    }
    return writeTables(lines, cells, lines.size() - missing.size());
  }

  /** Marks {@code count} documents, evenly spread, so that lengths and depths are all met. */
  private static List<EvalDocument> watched(List<EvalDocument> suite, int count) {
    List<EvalDocument> marked = new ArrayList<>(suite);
    int watched = Math.min(count, suite.size());
    for (int i = 0; i < watched; i++) {
      int at = (int) ((2L * i + 1) * suite.size() / (2L * watched));
      marked.set(at, suite.get(at).watched());
    }
    return marked;
  }

  private Outcome writeTables(List<String> lines, CellFiles cells, int found) {
    List<QualityRow> quality = new ArrayList<>();
    List<SpeedRow> speed = new ArrayList<>();
    List<SelectionRow> selection = new ArrayList<>();
    for (String line : lines) {
      Cell cell = cells.read(name(line));
      quality.addAll(cell.quality());
      speed.addAll(cell.speed());
      selection.addAll(cell.selection());
    }
    new RecordTable<>(QualityRow.class).write(spark, quality, output + "/quality");
    new RecordTable<>(SpeedRow.class).write(spark, speed, output + "/speed");
    new RecordTable<>(SelectionRow.class).write(spark, selection, output + "/selection");
    int errors = (int) quality.stream().filter(row -> row.status().equals("error")).count();
    return new Outcome(lines.size(), found, quality.size(), errors);
  }

  private String name(String line) {
    return CellFiles.name(line, settings.infer().paramsHash(), settings.repetitions());
  }

  private void writeSuite(List<String> lines) throws IOException {
    Configuration hadoop = settings.infer().hadoop().value();
    Path file = new Path(output, "suite.jsonl");
    try (var stream = file.getFileSystem(hadoop).create(file, true)) {
      for (String line : lines) {
        stream.write((line + "\n").getBytes(StandardCharsets.UTF_8));
      }
    }
  }
}
