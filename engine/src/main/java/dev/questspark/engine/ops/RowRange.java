package dev.questspark.engine.ops;

/** Rows [from, to) of the step's batch. */
public record RowRange(int from, int to) {

  public RowRange {
    if (from < 0 || to < from) {
      throw new IllegalArgumentException("rows [" + from + ", " + to + ")");
    }
  }

  /** Number of rows. */
  public int count() {
    return to - from;
  }
}
