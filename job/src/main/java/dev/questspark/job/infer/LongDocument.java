package dev.questspark.job.infer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Cuts of a document that does not fit: token ids in, token ids out. */
final class LongDocument {
  private LongDocument() {}

  /** Beginning and end, the middle dropped, as LongBench does; the beginning gets an odd token. */
  static int[] withoutMiddle(int[] tokens, int keptTokens) {
    int first = (keptTokens + 1) / 2;
    int last = keptTokens / 2;
    return Prompt.join(
        Arrays.copyOf(tokens, first),
        Arrays.copyOfRange(tokens, tokens.length - last, tokens.length));
  }

  /**
   * Consecutive chunks that cover every token.
   *
   * @param chunkTokens most tokens of a chunk
   * @param overlapTokens tokens that neighbours share; fewer than {@code chunkTokens}
   */
  static List<int[]> chunks(int[] tokens, int chunkTokens, int overlapTokens) {
    List<int[]> chunks = new ArrayList<>();
    for (int from = 0; ; from += chunkTokens - overlapTokens) {
      int to = Math.min(tokens.length, from + chunkTokens);
      chunks.add(Arrays.copyOfRange(tokens, from, to));
      if (to == tokens.length) {
        return chunks;
      }
    }
  }
}
