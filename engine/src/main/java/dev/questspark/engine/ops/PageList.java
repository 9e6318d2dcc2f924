package dev.questspark.engine.ops;

/**
 * Which logical pages each (row, KV head) attends to, in backend memory: the only thing attention
 * sees. Rows are relative to the row range it was filled for. Pages of a list are ascending and
 * distinct.
 */
public interface PageList extends AutoCloseable {
  /** What it has room for. */
  PageListShape shape();

  /**
   * The list of one (row, KV head), copied to the host; waits for the device. For tests and
   * studies.
   */
  int[] read(int row, int kvHead);

  @Override
  void close();
}
