package dev.questspark.submit;

import java.io.IOException;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** A program that knows Spark alone: runs SQL and prints the rows that come of it. */
public final class SqlAnswers {
  /** Stands before a row in the output, which Spark writes to as well. */
  static final String ROW = "row: ";

  private SqlAnswers() {}

  /**
   * @param queries run one after the other
   */
  public static void main(String[] queries) throws IOException {
    try (SparkSession spark = SparkSession.builder().getOrCreate()) {
      for (String query : queries) {
        List<Row> rows = spark.sql(query).collectAsList();
        rows.forEach(row -> System.out.println(ROW + row.mkString("|").replace('\n', ' ')));
      }
    }
  }
}
