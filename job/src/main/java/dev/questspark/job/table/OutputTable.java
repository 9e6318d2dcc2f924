package dev.questspark.job.table;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.output.AnswerSchema;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.expressions.Window;

/**
 * A table that has one row per document, question and policy. A row of a later run takes the place
 * of an earlier run's, in one commit of the table, where its format can replace rows; any other
 * table takes the rows that it has not.
 */
public final class OutputTable {
  /** Formats with MERGE INTO. */
  private static final Set<String> REPLACING = Set.of("delta", "iceberg", "hudi");

  private static final List<String> COLUMNS = List.of(AnswerSchema.schema().fieldNames());

  /** What a row answers; rows without an id of their own are told apart by their content. */
  private static final String KEY =
      "concat_ws('\\u0001', coalesce(%1$sdoc_id, ''), case when %1$sdoc_id is null or"
          + " coalesce(%1$serror_code, '') = '"
          + ErrorCode.DUPLICATE_ID.name()
          + "' then string(%1$srecord_key) else '' end, string(%1$squestion_id), %1$s"
          + PolicyColumns.POLICY
          + ", %1$s"
          + PolicyColumns.CACHE_POLICY
          + ")";

  private final SparkSession spark;
  private final String name;
  private final boolean exists;
  private final String format;

  private OutputTable(SparkSession spark, String name, boolean exists, String format) {
    this.spark = spark;
    this.name = name;
    this.exists = exists;
    this.format = format;
  }

  /**
   * Looks for the table, before any work; one that is not there is made at the end.
   *
   * @throws ConfigException when there is no such catalog, or the table has other columns
   */
  public static OutputTable of(SparkSession spark, String name) {
    try {
      boolean exists = spark.catalog().tableExists(name);
      if (exists) {
        Set<String> has =
            Arrays.stream(spark.table(name).columns())
                .map(column -> column.toLowerCase(Locale.ROOT))
                .collect(Collectors.toSet());
        List<String> lacking = COLUMNS.stream().filter(column -> !has.contains(column)).toList();
        if (!lacking.isEmpty()) {
          throw new ConfigException(
              "Table "
                  + name
                  + " lacks the columns "
                  + String.join(", ", lacking)
                  + " of the answers; add them, or give --output-table another name.");
        }
      }
      return new OutputTable(spark, name, exists, exists ? format(spark, name) : "");
    } catch (ConfigException told) {
      throw told;
    } catch (Exception unusable) {
      throw new ConfigException(
          "Table "
              + name
              + " cannot be used: "
              + String.valueOf(unusable.getMessage()).lines().findFirst().orElse("").strip()
              + " (check --output-table and the catalog's settings).",
          unusable);
    }
  }

  private static String format(SparkSession spark, String name) {
    return spark
        .sql("describe table extended " + name)
        .where(col("col_name").equalTo("Provider"))
        .collectAsList()
        .stream()
        .map(row -> row.getString(1).toLowerCase(Locale.ROOT))
        .findFirst()
        .orElse("");
  }

  /**
   * Puts answers into the table.
   *
   * @param answers columns of {@link AnswerSchema}
   * @throws IllegalStateException when the table has rows of another run for them, and cannot
   *     replace rows
   */
  public void write(Dataset<Row> answers) {
    Dataset<Row> rows = latest(answers);
    try {
      if (!exists) {
        rows.writeTo(name).create();
      } else if (REPLACING.contains(format)) {
        merge(rows);
      } else {
        append(rows);
      }
    } catch (IllegalStateException told) {
      throw told;
    } catch (Exception failed) {
      throw new IllegalStateException(
          "table "
              + name
              + " could not be written ("
              + String.valueOf(failed.getMessage()).lines().findFirst().orElse("").strip()
              + "); the answers are in the output folder, and --resume writes the table again",
          failed);
    }
  }

  /** An output folder may have rows of several runs for one answer, by --mode append. */
  private static Dataset<Row> latest(Dataset<Row> answers) {
    Column latest = max("run_id").over(Window.partitionBy(expr(KEY.formatted(""))));
    return answers
        .withColumn("latest_run", latest)
        .where(col("run_id").equalTo(col("latest_run")))
        .select(COLUMNS.stream().map(name -> col(name)).toArray(Column[]::new));
  }

  /** One commit: old rows go by key, and all new ones come, equal keys among them or not. */
  private void merge(Dataset<Row> rows) {
    String source = "answers_" + UUID.randomUUID().toString().replace("-", "");
    Dataset<Row> old =
        rows.select(expr(KEY.formatted("")).as("old_key"))
            .distinct()
            .withColumn("is_new", lit(false));
    Dataset<Row> fresh = rows.withColumn("is_new", lit(true));
    old.unionByName(fresh, true).createOrReplaceTempView(source);
    try {
      spark.sql(
          "merge into "
              + name
              + " t using "
              + source
              + " s on "
              + KEY.formatted("t.")
              + " = s.old_key when matched then delete when not matched and s.is_new then insert ("
              + String.join(", ", COLUMNS)
              + ") values ("
              + COLUMNS.stream().map(column -> "s." + column).collect(Collectors.joining(", "))
              + ")");
    } finally {
      spark.catalog().dropTempView(source);
    }
  }

  private void append(Dataset<Row> rows) {
    Column key = expr(KEY.formatted(""));
    Dataset<Row> there =
        spark.table(name).select(key.as("old_key"), col("run_id").as("old_run")).distinct();
    Dataset<Row> keyed = rows.withColumn("old_key", key).join(there, "old_key");
    long replaced = keyed.where(col("run_id").notEqual(col("old_run"))).count();
    if (replaced > 0) {
      throw new IllegalStateException(
          "table "
              + name
              + " has rows of other runs for "
              + replaced
              + " answers and, being "
              + format
              + ", cannot replace rows; make it a Delta or Iceberg table, or give --output-table"
              + " another name and --resume");
    }
    Column[] inItsOrder =
        Arrays.stream(spark.table(name).columns())
            .map(
                column ->
                    COLUMNS.contains(column.toLowerCase(Locale.ROOT))
                        ? col(column)
                        : lit(null).as(column))
            .toArray(Column[]::new);
    rows.join(there.select(col("old_key")), key.equalTo(col("old_key")), "left_anti")
        .select(inItsOrder)
        .write()
        .mode("append")
        .insertInto(name);
  }
}
