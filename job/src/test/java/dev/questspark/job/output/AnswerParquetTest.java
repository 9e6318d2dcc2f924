package dev.questspark.job.output;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness;
import java.io.IOException;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nested columns, written and copied; read back by DuckDB. */
@Tag("spark")
class AnswerParquetTest {
  @TempDir java.nio.file.Path folder;

  private static Row row(String id, List<Row> sources) {
    StructType schema = AnswerSchema.schema();
    Object[] values = new Object[schema.length()];
    values[schema.fieldIndex("doc_id")] = id;
    values[schema.fieldIndex("sources")] = sources;
    return RowFactory.create(values);
  }

  @Test
  void sourcesSurviveACopy() throws IOException {
    List<Row> rows =
        List.of(
            row("whole", null),
            row(
                "parts",
                List.of(
                    RowFactory.create(0, 7, 3, List.of(), "one"),
                    RowFactory.create(5, 9, 2, List.of("A", "B"), null))),
            row("failed", null));
    Path written = new Path(folder.resolve("written.parquet").toUri());
    Path copied = new Path(folder.resolve("copied.parquet").toUri());
    Configuration hadoop = new Configuration();
    AnswerParquet parquet = new AnswerParquet(OutputFolder.files(written, hadoop), hadoop);
    parquet.write(written, rows);
    int kept =
        parquet.copy(
            List.of(written),
            copied,
            group -> group.getString("doc_id", 0).equals("failed") ? null : group);
    assertThat(kept).isEqualTo(2);
    assertThat(JobHarness.query("select doc_id, sources from '" + copied.toUri().getPath() + "'"))
        .containsExactly(
            "whole|null",
            "parts|[{'start_char_index': 0, 'end_char_index': 7, 'tokens': 3, 'headings': [],"
                + " 'output_text': one}, {'start_char_index': 5, 'end_char_index': 9,"
                + " 'tokens': 2, 'headings': [A, B], 'output_text': NULL}]");
  }
}
