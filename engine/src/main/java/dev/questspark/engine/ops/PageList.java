package dev.questspark.engine.ops;

/**
 * Which parts of a sequence each (row, KV head) attends to, in backend memory: the only thing
 * attention sees. Entries are units of {@link #unit} tokens: entry e stands for positions [e *
 * unit, (e + 1) * unit), which lie in one page. Rows are relative to the row range it was filled
 * for. Entries of a list are ascending and distinct.
 */
public interface PageList extends AutoCloseable {
  /** What it has room for. */
  PageListShape shape();

  /**
   * Tokens per entry, a divisor of the page size; set by the op that fills the list. 0 before that.
   */
  int unit();

  /**
   * The list of one (row, KV head), copied to the host; waits for the device. For tests and
   * studies.
   */
  int[] read(int row, int kvHead);

  @Override
  void close();
}
