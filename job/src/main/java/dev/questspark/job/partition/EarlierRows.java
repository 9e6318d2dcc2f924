package dev.questspark.job.partition;

import dev.questspark.job.corpus.Document;
import java.io.Serial;
import java.io.Serializable;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.stream.LongStream;
import org.apache.spark.sql.Row;

/**
 * What earlier runs have finished, by record: eight bytes for a record that is finished, a few more
 * for one of which some rows are.
 */
final class EarlierRows implements Serializable {
  @Serial private static final long serialVersionUID = 1L;

  private final int policies;
  private final long[] finishedKeys;
  private final HashMap<Long, long[]> partly;
  private final long rows;
  private final long errors;

  private EarlierRows(
      int policies, long[] finishedKeys, HashMap<Long, long[]> partly, long rows, long errors) {
    this.policies = policies;
    this.finishedKeys = finishedKeys;
    this.partly = partly;
    this.rows = rows;
    this.errors = errors;
  }

  /**
   * Holds the rows against the corpus; rows of records that are not in it count for nothing. Equal
   * records are finished together, because their answers are committed together.
   *
   * @param surveyed key, bytes and number of questions of each record, ascending by key
   */
  static EarlierRows of(List<Row> surveyed, int policies, Iterator<FinishedRow> found) {
    long[] keys = surveyed.stream().mapToLong(row -> row.getLong(0)).toArray();
    Map<Long, BitSet> done = new HashMap<>();
    Map<Long, BitSet> failed = new HashMap<>();
    while (found.hasNext()) {
      FinishedRow row = found.next();
      int bit = CorpusPlan.rowBit(row.question(), policies, row.policy());
      if (Arrays.binarySearch(keys, row.key()) >= 0) {
        done.computeIfAbsent(row.key(), key -> new BitSet()).set(bit);
        if (row.failed()) {
          failed.computeIfAbsent(row.key(), key -> new BitSet()).set(bit);
        }
      }
    }
    LongStream.Builder finished = LongStream.builder();
    HashMap<Long, long[]> partly = new HashMap<>();
    long rows = 0;
    long errors = 0;
    for (int i = 0; i < keys.length; i++) {
      BitSet bits = done.get(keys[i]);
      if (bits != null) {
        rows += bits.cardinality();
        errors += failed.containsKey(keys[i]) ? failed.get(keys[i]).cardinality() : 0;
        if (bits.cardinality() == surveyed.get(i).getLong(2) * policies) {
          finished.add(keys[i]);
        } else {
          partly.put(keys[i], bits.toLongArray());
        }
      }
    }
    return new EarlierRows(policies, finished.build().toArray(), partly, rows, errors);
  }

  long rows() {
    return rows;
  }

  long errors() {
    return errors;
  }

  boolean finished(long key) {
    return Arrays.binarySearch(finishedKeys, key) >= 0;
  }

  /** Rows left to compute of a record with so many questions. */
  long wanted(long key, long questions) {
    return questions * policies - bits(key).cardinality();
  }

  PlannedDocument planned(long key, Document document) {
    return new PlannedDocument(key, document, policies, bits(key));
  }

  private BitSet bits(long key) {
    long[] words = partly.get(key);
    return words == null ? new BitSet() : BitSet.valueOf(words);
  }
}
