package dev.questspark.job.report;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.eval.rows.PrefillRow;
import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.RecordTable;
import dev.questspark.job.eval.rows.SelectionRow;
import dev.questspark.job.eval.rows.SpeedRow;
import dev.questspark.job.options.MeasureOptions.Allowed;
import dev.questspark.job.path.GivenPath;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;

/** The report of an output folder of {@code sweep} or {@code eval}. */
public final class Report {
  private final SparkSession spark;
  private final Path folder;
  private final FileSystem files;
  private final Measurements measurements;
  private final Optional<JsonObject> run;
  private final Allowed allowed;

  private Report(SparkSession spark, Path folder, Allowed allowed) throws IOException {
    this.spark = spark;
    this.folder = folder;
    this.files = folder.getFileSystem(spark.sparkContext().hadoopConfiguration());
    this.allowed = allowed;
    if (!files.exists(new Path(folder, "quality"))) {
      throw new ConfigException(
          folder + " has no quality/ table; give the --output folder of a sweep or an eval.");
    }
    checkColumns("quality");
    List<QualityRow> quality = new RecordTable<>(QualityRow.class).read(spark, part("quality"));
    List<SpeedRow> speed = new RecordTable<>(SpeedRow.class).read(spark, part("speed"));
    List<SelectionRow> selection =
        files.exists(new Path(folder, "selection"))
            ? new RecordTable<>(SelectionRow.class).read(spark, part("selection"))
            : List.of();
    List<PrefillRow> prefill =
        files.exists(new Path(folder, "prefill_selection"))
            ? new RecordTable<>(PrefillRow.class).read(spark, part("prefill_selection"))
            : List.of();
    this.measurements = new Measurements(quality, speed, selection, prefill);
    this.run = runJson();
  }

  /**
   * Reads the measurements.
   *
   * @param allowed what a recommended budget may cost
   * @throws ConfigException when the folder holds none
   */
  public static Report read(SparkSession spark, String folder, Allowed allowed) throws IOException {
    return new Report(spark, GivenPath.of(folder), allowed);
  }

  /** A table of an earlier version names its policies in other columns. */
  private void checkColumns(String table) {
    List<String> columns =
        List.of(spark.read().options(GivenPath.LITERALLY).parquet(part(table)).columns());
    if (!columns.contains(PolicyColumns.POLICY) || !columns.contains(PolicyColumns.CACHE_POLICY)) {
      throw new ConfigException(
          folder
              + " was written by another version: "
              + table
              + "/ lacks the columns "
              + PolicyColumns.POLICY
              + " and "
              + PolicyColumns.CACHE_POLICY
              + "; take that version's report, or measure into another --output.");
    }
  }

  private String part(String name) {
    return new Path(folder, name).toString();
  }

  private Optional<JsonObject> runJson() throws IOException {
    Path file = new Path(folder, "run.json");
    if (!files.exists(file)) {
      return Optional.empty();
    }
    try (var in = files.open(file)) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return Optional.of(JsonParser.parseString(text).getAsJsonObject());
    }
  }

  /** Writes {@code stats/} and the page. */
  public void write() throws IOException {
    spark
        .createDataFrame(
            measurements.summaries.stream().map(SummaryColumns::row).toList(),
            SummaryColumns.schema())
        .coalesce(1)
        .write()
        .mode(SaveMode.Overwrite)
        .parquet(part("stats"));
    try (var out = files.create(new Path(page()), true)) {
      out.write(new Page(measurements, run, allowed).html().getBytes(StandardCharsets.UTF_8));
    }
  }

  /** Prints the main numbers, what was left out, and where the page is. */
  public void print(PrintStream out) {
    out.print(NumbersTable.text(measurements.summaries));
    String lengths = LengthTable.text(measurements);
    if (!lengths.isEmpty()) {
      out.println();
      out.print(lengths);
    }
    out.println();
    SkippedDocuments.sentences(measurements.quality).forEach(out::println);
    DivergenceAdvice.unseen(measurements).forEach(out::println);
    out.printf("report   %s%n", page());
  }

  private String page() {
    return part("report.html");
  }
}
