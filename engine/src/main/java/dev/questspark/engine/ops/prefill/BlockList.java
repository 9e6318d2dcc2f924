package dev.questspark.engine.ops.prefill;

/**
 * The key blocks before a segment that its rows read, for each segment and KV head, in backend
 * memory. The segment's own keys are read besides, each row those up to its own. Entry e stands for
 * positions [e * block, (e + 1) * block). Entries are ascending and distinct.
 */
public interface BlockList extends AutoCloseable {

  /**
   * Begins empty lists for the segments of a step.
   *
   * @throws IllegalArgumentException when there is no room for them
   */
  void begin(Segments segments);

  /** The segments that the lists are for. */
  Segments segments();

  /** Sets one list from the host: ascending blocks before the segment. */
  void set(int segment, int kvHead, int[] blocks);

  /** One list, copied to the host; waits for the device. */
  int[] read(int segment, int kvHead);

  @Override
  void close();
}
