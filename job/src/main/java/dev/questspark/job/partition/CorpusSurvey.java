package dev.questspark.job.partition;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.greatest;
import static org.apache.spark.sql.functions.length;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min_by;
import static org.apache.spark.sql.functions.octet_length;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.trim;
import static org.apache.spark.sql.functions.when;
import static org.apache.spark.sql.functions.xxhash64;

import dev.questspark.job.corpus.RecordSchema;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.storage.StorageLevel;

/**
 * A first pass over the corpus: lengths for packing, ids for duplicates. It keeps no text, so the
 * documents are read again on the way to their partitions. Of files that must be parsed the reader
 * keeps the texts on the executors' disks until the run ends; what an executor takes along is
 * parsed again.
 */
public final class CorpusSurvey {
  private static final String ID_HASH = "id_hash";

  private CorpusSurvey() {}

  /**
   * Plans the partitions.
   *
   * @param records columns of {@link RecordSchema}
   * @param wantedPartitions 0 takes {@code automatic}; never more than there are documents
   * @param rowsPerQuestion page selection policies
   * @param maxTokens most tokens per answer
   * @param found rows of earlier runs that need not be computed again
   */
  public static CorpusPlan plan(
      Dataset<Row> records,
      int wantedPartitions,
      int automatic,
      int rowsPerQuestion,
      int maxTokens,
      Iterator<FinishedRow> found) {
    Dataset<Row> survey =
        records
            .select(
                col(RecordSchema.KEY),
                col(RecordSchema.ID),
                col(RecordSchema.SOURCE),
                col(RecordSchema.PLACE),
                coalesce(octet_length(col(RecordSchema.TEXT)), lit(0)).cast("long").as("bytes"),
                greatest(coalesce(size(col(RecordSchema.QUESTIONS)), lit(1)), lit(1))
                    .cast("long")
                    .as("questions"),
                when(hasId(), xxhash64(col(RecordSchema.ID))).as(ID_HASH))
            .persist(StorageLevel.MEMORY_AND_DISK());
    try {
      // Sorted here: Spark's sort would take two jobs more, and the rows come here anyway.
      List<Row> surveyed =
          survey.select("key", "bytes", "questions", ID_HASH).collectAsList().stream()
              .sorted(Comparator.comparingLong(row -> row.getLong(0)))
              .toList();
      Map<String, Long> owners = new HashMap<>();
      if (anyIdTwice(surveyed)) {
        for (Row contested : contestedIds(survey)) {
          owners.put(contested.getString(0), contested.getLong(1));
        }
      }
      return pack(
          surveyed,
          wantedPartitions > 0 ? wantedPartitions : automatic,
          owners,
          EarlierRows.of(surveyed, rowsPerQuestion, found),
          maxTokens);
    } finally {
      survey.unpersist();
    }
  }

  private static Column hasId() {
    return length(trim(col(RecordSchema.ID))).gt(0);
  }

  /** By hash: two ids that share one cost a look at the ids themselves, nothing else. */
  private static boolean anyIdTwice(List<Row> surveyed) {
    long[] hashes =
        surveyed.stream()
            .filter(row -> !row.isNullAt(3))
            .mapToLong(row -> row.getLong(3))
            .sorted()
            .toArray();
    return IntStream.range(1, hashes.length).anyMatch(i -> hashes[i] == hashes[i - 1]);
  }

  private static List<Row> contestedIds(Dataset<Row> survey) {
    return survey
        .where(hasId())
        .groupBy(RecordSchema.ID)
        .agg(
            min_by(col("key"), struct(RecordSchema.SOURCE, RecordSchema.PLACE)).as("owner"),
            count("*").as("claims"))
        .where(col("claims").gt(1))
        .collectAsList();
  }

  private static CorpusPlan pack(
      List<Row> surveyed,
      int wanted,
      Map<String, Long> owners,
      EarlierRows earlier,
      int maxTokens) {
    List<Row> left = surveyed.stream().filter(row -> !earlier.finished(row.getLong(0))).toList();
    long[] keys = left.stream().mapToLong(row -> row.getLong(0)).toArray();
    long[] work =
        left.stream()
            .mapToLong(
                row ->
                    TokenEstimate.work(
                        row.getLong(1), earlier.wanted(row.getLong(0), row.getLong(2)), maxTokens))
            .toArray();
    int bins = Math.max(1, Math.min(wanted, left.size()));
    int[] placed = BalancedPartitions.pack(work, bins);
    // Records with equal content share a key; they follow the first, so that one task sees them
    // all.
    IntStream.range(1, keys.length)
        .filter(i -> keys[i] == keys[i - 1])
        .forEach(i -> placed[i] = placed[i - 1]);
    long questions = surveyed.stream().mapToLong(row -> row.getLong(2)).sum();
    return new CorpusPlan(bins, keys, placed, owners, surveyed.size(), questions, earlier);
  }
}
