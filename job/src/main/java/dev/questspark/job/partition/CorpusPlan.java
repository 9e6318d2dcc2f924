package dev.questspark.job.partition;

import dev.questspark.job.corpus.Document;
import java.io.Serial;
import java.io.Serializable;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Where every record goes, and which record owns an id that several claim. Records are known by
 * {@code RecordSchema.KEY}, a hash of their content, so that the plan still holds if the corpus is
 * split otherwise when it is read again.
 */
public final class CorpusPlan implements Serializable {
  @Serial private static final long serialVersionUID = 1L;

  private final int partitions;
  private final long[] sortedKeys;
  private final int[] partitionOfKey;
  private final Map<String, Long> ownerOfId;
  private final long records;
  private final long questions;
  private final EarlierRows earlier;

  /**
   * @param sortedKeys ascending; records without any row left to compute are not among them
   * @param partitionOfKey one per key
   * @param ownerOfId key of the first record, for each id that more than one record has
   */
  CorpusPlan(
      int partitions,
      long[] sortedKeys,
      int[] partitionOfKey,
      Map<String, Long> ownerOfId,
      long records,
      long questions,
      EarlierRows earlier) {
    this.partitions = partitions;
    this.sortedKeys = sortedKeys;
    this.partitionOfKey = partitionOfKey;
    this.ownerOfId = ownerOfId;
    this.records = records;
    this.questions = questions;
    this.earlier = earlier;
  }

  /** Classes that travel with a plan or with a record on its way to its partition. */
  public static List<Class<?>> serialised() {
    return List.of(CorpusPlan.class, EarlierRows.class, RecordOrder.class);
  }

  /** Bit of a row in the set of a document's finished rows. */
  static int rowBit(int question, int policies, int policy) {
    return question * policies + policy;
  }

  public int partitions() {
    return partitions;
  }

  /** Records in the corpus. */
  public long records() {
    return records;
  }

  /** Records that have rows left to compute. */
  public long recordsLeft() {
    return sortedKeys.length;
  }

  /** Questions in the corpus; a record without any counts as one. */
  public long questions() {
    return questions;
  }

  /** Rows that earlier runs have finished. */
  public long rowsFound() {
    return earlier.rows();
  }

  /** Error rows among {@link #rowsFound}. */
  public long errorsFound() {
    return earlier.errors();
  }

  /** Whether no row of the record is left to compute. */
  boolean finished(long key) {
    return earlier.finished(key);
  }

  PlannedDocument planned(long key, Document document) {
    return earlier.planned(key, document);
  }

  /** Partition of a record; one that the survey did not see goes wherever its hash says. */
  int partitionOf(long key) {
    int at = Arrays.binarySearch(sortedKeys, key);
    return at >= 0 ? partitionOfKey[at] : Math.floorMod(key, partitions);
  }

  /** Whether several records claim the id. */
  public boolean contested(String id) {
    return ownerOfId.containsKey(id);
  }

  /** Whether the record is the first of those that claim its id. */
  boolean owns(String id, long key) {
    Long owner = ownerOfId.get(id);
    return owner == null || owner == key;
  }
}
