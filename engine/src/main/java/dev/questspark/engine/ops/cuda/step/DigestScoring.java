package dev.questspark.engine.ops.cuda.step;

import dev.questspark.engine.ops.DType;

/**
 * The launches that score digests and choose the best units, whatever these are of: what the heads
 * of {@code score_digests.cuh} and {@code top_units.cuh} ask for.
 *
 * @param activations of the queries
 * @param digests of the pairs
 * @param headDim channels per head
 * @param group query heads per KV head
 */
public record DigestScoring(DType activations, DType digests, int headDim, int group) {
  /** Of a block that scores. */
  public static final int THREADS = 128;

  /** Of a block that reduces a group's heads by softmax, on which the order of its sums depends. */
  public static final int SOFTMAX_THREADS = 512;

  private static final int WARPS = 4;

  /** Digest pairs that a block scores: 8 KB of digests a warp. */
  public int unitsPerBlock() {
    return WARPS * Math.max(4, Math.min(32, 8704 / pairBytes() / 4 * 4));
  }

  /** Dynamic shared memory of a block. */
  public int sharedBytes() {
    return group * foldedBytes() + unitsPerBlock() * pairBytes();
  }

  /** Of a pair in shared memory: an odd number of 16 bytes. */
  private int pairBytes() {
    int bytes = 2 * headDim * digests.bytes();
    if (digests == DType.I8) {
      bytes += 2 * headDim / 16; // exponents
    }
    return ((bytes + 15) / 16 | 1) * 16;
  }

  /** Of a head's folded query: 16 bits a channel on tensor cores, else 32. */
  private int foldedBytes() {
    boolean tensorCores =
        activations == DType.BF16 && (digests == DType.BF16 || digests == DType.I8);
    return tensorCores ? 2 * (2 * headDim + 8) : 4 * 2 * headDim;
  }

  /**
   * Candidates whose scores stay in shared memory, up to 32 KB; the rest is read again from L2. In
   * whole 4 KB, so that a growing context seldom changes the launch.
   */
  public static int cachedUnits(int units) {
    return Math.min(8192, (units + 1023) / 1024 * 1024);
  }

  /** About four candidates a thread; the result does not depend on it. */
  public static int topThreads(int cachedUnits) {
    return Math.max(64, Math.min(1024, Integer.highestOneBit(Math.max(1, cachedUnits / 4))));
  }
}
