package dev.questspark.job.output;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min_by;

import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * What most error rows of an output have in common, with one of them as an example.
 *
 * @param code of {@code error_code}
 * @param rows how many have it
 * @param docId document of the first of them by id; null where such rows have none
 * @param message of that row
 */
public record MostFrequentError(String code, long rows, String docId, String message) {

  /** Reads all of the answers; empty where no row is an error row. */
  public static Optional<MostFrequentError> in(Dataset<Row> answers) {
    Column place = coalesce(col("doc_id"), lit("")); // min_by passes over null
    List<Row> first =
        answers
            .where(col("error_code").isNotNull())
            .groupBy("error_code")
            .agg(
                count("*").as("rows"),
                min_by(col("doc_id"), place).as("doc_id"),
                min_by(col("error_message"), place).as("error_message"))
            .orderBy(col("rows").desc(), col("error_code"))
            .limit(1)
            .collectAsList();
    return first.stream()
        .findFirst()
        .map(
            row ->
                new MostFrequentError(
                    row.getString(0), row.getLong(1), row.getString(2), row.getString(3)));
  }

  /** As a line for the console. */
  @Override
  public String toString() {
    return "most often %s (%s); %s: %s"
        .formatted(
            code,
            rows == 1 ? "1 row" : rows + " rows",
            docId == null ? "a document without an id" : "document " + docId,
            message);
  }
}
