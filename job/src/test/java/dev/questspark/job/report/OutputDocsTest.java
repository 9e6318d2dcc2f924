package dev.questspark.job.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.output.AnswerSchema;
import dev.questspark.job.output.StatsSchema;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.spark.sql.types.StructField;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Test;

/** The page of the output's columns, from the schemas that it is written with. */
class OutputDocsTest {
  private static final Path PAGE = Path.of("..", "docs", "output.md");

  private static final String HEAD =
      """
      # What a run writes

      Parquet, with every column in every file. Read the folders with a glob or a reader that leaves out names that begin with `_` and `.`:

      ```python
      spark.read.parquet("out/answers")                        # Spark
      duckdb.sql("from read_parquet('out/answers/*.parquet')") # DuckDB
      questspark.read("out").answers()                         # the Python package
      ```

      `doc_id` is the id as text, exactly as the input has it (`7` of a number); join on
      `CAST(input.id AS STRING) = answers.doc_id`. `--keep-columns author,year` carries columns of the input in every row:
      `kept_columns['year']`. Other files are described in [operations.md](operations.md), measurements in [evaluation.md](evaluation.md).
      """;

  private static String page() {
    StringBuilder page = new StringBuilder(HEAD);
    table(
        page,
        "`answers/`: a row per document, question and policy",
        "Counters and clocks of an error row are null.",
        AnswerSchema.schema());
    table(
        page,
        "`stats/` of a run: a row per run and policy",
        "Sums over its answers.",
        StatsSchema.schema());
    table(
        page,
        "`stats/` of a sweep or an evaluation: a row per pair of policies",
        "`_low` and `_high` are the ends of a 95 % interval, null under three values.",
        SummaryColumns.schema());
    return page.toString();
  }

  private static void table(StringBuilder page, String title, String note, StructType schema) {
    page.append("\n## ").append(title).append("\n\n").append(note);
    page.append("\n\n| column | type | what |\n|---|---|---|\n");
    for (StructField field : schema.fields()) {
      page.append(
          "| `%s` | %s | %s |\n"
              .formatted(
                  field.name(),
                  field.dataType().simpleString().replaceAll("struct<.*>>", "struct>"),
                  field.getComment().get().replace("|", "\\|")));
    }
  }

  /** Renew the page with {@code -Dquestspark.renew.docs=true}. */
  @Test
  void pageIsNotStale() throws IOException {
    if (Boolean.getBoolean("questspark.renew.docs")) {
      Files.writeString(PAGE, page());
    }
    assertThat(Files.readString(PAGE)).isEqualTo(page());
  }
}
