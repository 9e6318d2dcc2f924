package dev.questspark.job.partition;

import java.io.Serial;
import java.io.Serializable;
import java.util.Comparator;

/**
 * Where a record stands: its partition, and its place there. The place follows from the record's
 * content alone (for records of equal content, from where they were read), so that every attempt at
 * a partition meets its records in the same order.
 */
final class RecordOrder implements Comparable<RecordOrder>, Serializable {
  @Serial private static final long serialVersionUID = 1L;

  private static final Comparator<RecordOrder> ORDER =
      Comparator.<RecordOrder>comparingInt(record -> record.partition)
          .thenComparingLong(record -> record.key)
          .thenComparingLong(record -> record.place);

  final int partition;
  final long key;
  private final long place;

  /**
   * @param key {@code RecordSchema.KEY}
   * @param place {@code RecordSchema.PLACE}
   */
  RecordOrder(int partition, long key, long place) {
    this.partition = partition;
    this.key = key;
    this.place = place;
  }

  @Override
  public int compareTo(RecordOrder other) {
    return ORDER.compare(this, other);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof RecordOrder order && compareTo(order) == 0;
  }

  @Override
  public int hashCode() {
    return Long.hashCode(key);
  }
}
