package dev.questspark.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.options.ExitCode;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Delta, ORC, Avro and catalog tables as input, and tables as output, with Delta's own jars. */
@Tag("spark")
class TablesTest {
  @TempDir static Path folder;
  private static SparkSession spark;

  /** Runs on the session with Delta in it. */
  private static final SessionProvider DELTA =
      new SessionProvider() {
        @Override
        public SparkSession open(SparkConf conf) {
          return spark;
        }

        @Override
        public void close(SparkSession session) {
          // the next test goes on with it
        }
      };

  private record Ended(int code, String out, String err) {}

  @BeforeAll
  static void startSparkWithDelta() {
    TestSpark.stop();
    SparkConf conf =
        SparkSettings.of(TestSpark.conf())
            .set(
                "spark.sql.extensions",
                "dev.questspark.job.sql.QuestSparkExtensions,io.delta.sql.DeltaSparkSessionExtension")
            .set(
                "spark.sql.catalog.spark_catalog",
                "org.apache.spark.sql.delta.catalog.DeltaCatalog")
            .set("spark.kryo.registrationRequired", "false") // Delta's own jobs
            .set("spark.databricks.delta.snapshotPartitions", "1")
            .set("spark.sql.warehouse.dir", folder.resolve("warehouse").toString());
    spark = SparkSession.builder().config(conf).getOrCreate();
  }

  @AfterAll
  static void stopIt() {
    spark.stop();
  }

  private static Ended run(Path output, String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    List<String> all =
        new ArrayList<>(
            List.of(
                "--model=" + JobHarness.MODEL,
                "--prompt-template=" + JobHarness.TEMPLATE,
                "--kv-cache-memory-bytes=64m",
                "--max-model-len=1024",
                "--max-tokens=4",
                "--selectors=all",
                "--output=" + output));
    all.addAll(List.of(args));
    int code =
        LongDocJob.run(
            DELTA,
            TestSpark.conf(),
            new PrintStream(out),
            new PrintStream(err),
            all.toArray(String[]::new));
    return new Ended(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  private static Dataset<Row> documents() {
    return spark.sql(
        "select * from values ('a', 'The code is 1.', 'What is it?', 'x'),"
            + " ('b', 'The code is 2.', 'What is it?', 'y') t(id, text, question, author)");
  }

  private static List<String> cells(String query) {
    return spark.sql(query).collectAsList().stream().map(row -> row.mkString("|")).toList();
  }

  @Test
  void answersOfADeltaTableAreWrittenToAnotherAndReplacedThere() {
    Path input = folder.resolve("corpus");
    documents().write().format("delta").save(input.toString());
    spark.sql("delete from delta.`" + input + "` where id = 'b'"); // its file stays
    Path output = folder.resolve("out");
    spark.conf().set("spark.sql.sources.default", "delta");
    Ended first =
        run(output, "--input=" + input, "--output-table=answered", "--keep-columns=author");
    assertThat(first.code()).as(first.err() + first.out()).isZero();
    assertThat(cells("select doc_id, status, kept_columns['author'] from answered"))
        .containsExactly("a|ok|x");

    spark.sql("insert into delta.`" + input + "` values ('c', 'The code is 3.', 'Who?', 'z')");
    Ended second =
        run(
            output,
            "--input=" + input,
            "--input-format=delta",
            "--mode=append",
            "--output-table=answered");
    assertThat(second.code()).as(second.err() + second.out()).isZero();
    assertThat(cells("select doc_id from answered order by all")).containsExactly("a", "c");
    assertThat(cells("select count(distinct run_id) from answered"))
        .as("a's row is the one of the later run")
        .containsExactly("1");
  }

  @Test
  void otherFormatsAndCatalogTablesAreInputsAndATableOfParquetTakesNewRowsAlone() {
    documents().write().format("parquet").saveAsTable("corpus_table");
    for (String format : List.of("orc", "avro")) {
      Path input = folder.resolve("in." + format);
      documents().write().format(format).save(input.toString());
      Ended ended = run(folder.resolve("out-" + format), "--input=" + input);
      assertThat(ended.code()).as(ended.err()).isZero();
      assertThat(
              cells(
                  "select doc_id, status from parquet.`"
                      + folder.resolve("out-" + format + "/answers")
                      + "` order by all"))
          .containsExactly("a|ok", "b|ok");
    }
    spark.conf().set("spark.sql.sources.default", "parquet");
    Path output = folder.resolve("out-table");
    String[] args = {"--input-table=corpus_table", "--output-table=plain"};
    assertThat(run(output, args).code()).isZero();
    Ended resumed = run(output, args[0], args[1], "--resume");
    assertThat(resumed.code()).as(resumed.err()).isZero();
    assertThat(cells("select doc_id from plain order by all")).containsExactly("a", "b");
    Ended other = run(folder.resolve("out-other"), args);
    assertThat(other.code()).isEqualTo(ExitCode.FAILED);
    assertThat(other.err()).contains("has rows of other runs for 2 answers", "cannot replace rows");
    Ended wrong =
        run(
            folder.resolve("out-wrong"),
            "--input-table=corpus_table",
            "--output-table=corpus_table");
    assertThat(wrong.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(wrong.err()).contains("Table corpus_table lacks the columns doc_id, question_id");
  }
}
