package dev.questspark.engine.select.prefill;

import java.util.stream.IntStream;

/** Lists of blocks that no score decides. */
final class BlockRanges {
  private BlockRanges() {}

  /** Every block before a segment. */
  static int[] all(int before) {
    return IntStream.range(0, before).toArray();
  }

  /** The first and the last blocks before a segment. */
  static int[] ends(int first, int last, int before) {
    return first + last >= before
        ? all(before)
        : IntStream.concat(IntStream.range(0, first), IntStream.range(before - last, before))
            .toArray();
  }
}
