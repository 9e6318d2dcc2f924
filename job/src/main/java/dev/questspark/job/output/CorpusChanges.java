package dev.questspark.job.output;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;

import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.corpus.RecordSchema;
import dev.questspark.job.executor.InferSettings;
import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * How a corpus differs from the one that the answers in an output are of: what {@code --update}
 * does beside answering. Earlier rows of a changed document stay until newer ones are there, so
 * that an update that is stopped or killed leaves every document its latest answers.
 */
public final class CorpusChanges {
  private final OutputFolder output;
  private final InferSettings settings;

  /** Of records that the corpus has no more: their keys, and the id of a document that it has. */
  private final Map<Long, String> changed = new HashMap<>();

  private final Set<Long> vanished = new HashSet<>();
  private final Set<Long> returned = new HashSet<>();

  /**
   * Compares.
   *
   * @param output has answers
   * @param records the corpus, columns of {@link RecordSchema}
   */
  public CorpusChanges(
      SparkSession spark, OutputFolder output, InferSettings settings, Dataset<Row> records) {
    this.output = output;
    this.settings = settings;
    Dataset<Row> corpus =
        records.select(col(RecordSchema.ID).as("id"), col(RecordSchema.KEY).as("content"));
    Dataset<Row> answered =
        ours(spark)
            .groupBy(col("record_key"), col("doc_id"))
            .agg(max(col(AnswerSchema.VANISHED_AT).isNotNull()).as("marked"));
    Dataset<Row> here = corpus.select(col("content"), lit(true).as("here")).distinct();
    Dataset<Row> ids = corpus.select(col("id"), lit(true).as("known")).distinct();
    List<Row> differing =
        answered
            .join(here, col("record_key").equalTo(col("content")), "left")
            .join(ids, col("doc_id").equalTo(col("id")), "left")
            .select("record_key", "doc_id", "marked", "here", "known")
            .where(col("here").isNull().or(col("marked")))
            .collectAsList();
    for (Row row : differing) {
      long key = row.getLong(0);
      if (!row.isNullAt(3)) {
        returned.add(key);
      } else if (!row.isNullAt(4)) {
        changed.put(key, row.getString(1));
      } else if (!row.getBoolean(2)) {
        vanished.add(key);
      }
    }
  }

  private Dataset<Row> ours(SparkSession spark) {
    return output.answers().read(spark).where(col("params_hash").equalTo(settings.paramsHash()));
  }

  /** Rows of documents of which a record is gone. */
  private Dataset<Row> ofChanged(SparkSession spark) {
    return ours(spark)
        .join(
            spark
                .createDataset(List.copyOf(new HashSet<>(changed.values())), Encoders.STRING())
                .toDF("changed_id"),
            col("doc_id").equalTo(col("changed_id")),
            "left_semi");
  }

  /**
   * Takes out what says that another record has the id where that other record is gone, so that the
   * run computes it. To be called before anybody asks what is finished.
   */
  public void reclaim(SparkSession spark) throws IOException {
    if (changed.isEmpty()) {
      return;
    }
    Set<Long> claims = new HashSet<>();
    Set<Long> others = new HashSet<>(changed.keySet());
    for (Row row : ofChanged(spark).select("record_key", "error_code").distinct().collectAsList()) {
      boolean claim = ErrorCode.DUPLICATE_ID.name().equals(row.getString(1));
      (claim ? claims : others).add(row.getLong(0));
    }
    claims.removeAll(others); // a record that is there twice is answered once
    output
        .answers()
        .update(
            spark,
            settings.runId(),
            settings.paramsHash(),
            new AnswerStore.Changes(claims, Set.of(), Set.of()));
  }

  /** Records whose document now has another text or other questions. */
  public int changed() {
    return changed.size();
  }

  /** Records that the corpus has no more. */
  public int vanished() {
    return vanished.size();
  }

  /** Brings earlier rows up to date, once newer ones are committed. */
  public void settle(SparkSession spark) throws IOException {
    Set<String> newer =
        changed.isEmpty()
            ? Set.of()
            : ofChanged(spark).select("doc_id", "record_key").distinct().collectAsList().stream()
                .filter(row -> !changed.containsKey(row.getLong(1)))
                .map(row -> row.getString(0))
                .collect(Collectors.toSet());
    Set<Long> replaced =
        changed.entrySet().stream()
            .filter(record -> newer.contains(record.getValue()))
            .map(Map.Entry::getKey)
            .collect(Collectors.toSet());
    output
        .answers()
        .update(
            spark,
            settings.runId(),
            settings.paramsHash(),
            new AnswerStore.Changes(replaced, vanished, returned));
  }
}
