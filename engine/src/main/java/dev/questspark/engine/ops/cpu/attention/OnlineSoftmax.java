package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.cpu.simd.ScalarMath;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.util.Arrays;

/**
 * Running attention states, folded block by block (online softmax, arXiv 1805.02867): per state the
 * largest logit so far, the sum of exp(logit - largest), and the weighted sum of values, which
 * stands in the caller's output. A state is one query head; the heads of a group are folded
 * together, so that they share each page while it is in the first-level cache. The bits depend on
 * the order of the blocks alone. One per worker.
 */
final class OnlineSoftmax {
  private final SimdOps simd;
  private float[] weights = new float[0]; // (heads, tokens of a block)
  private float[] ofTile = new float[0]; // (heads, slots of a tile)
  private int tokens; // of the last block
  private float[] max = new float[0];
  private float[] sum = new float[0];

  OnlineSoftmax(SimdOps simd) {
    this.simd = simd;
  }

  /** Empties {@code states} states; the caller zeroes their outputs. */
  void reset(int states) {
    if (max.length < states) {
      max = new float[states];
      sum = new float[states];
    }
    Arrays.fill(max, 0, states, Float.NEGATIVE_INFINITY);
    Arrays.fill(sum, 0, states, 0f);
  }

  /**
   * Adds the tokens of a block that lie at positions [firstVisible, position] to the states of a
   * group's query heads; at least one must.
   *
   * @param state the first head's state
   * @param query index of the first head's first channel in {@code queries}
   * @param target index of the first head's first output in {@code outs}
   * @param cap of the logits, 0 for none
   */
  void fold(
      int state,
      int heads,
      float[] queries,
      int query,
      float[] outs,
      int target,
      PageBlock block,
      int firstVisible,
      int position,
      float scale,
      float cap) {
    logits(heads, queries, query, block, firstVisible, position, scale, cap);
    add(state, heads, outs, target, block, firstVisible, position);
  }

  /** The logits of a group's heads against a block; -infinity for tokens that are not seen. */
  void logits(
      int heads,
      float[] queries,
      int query,
      PageBlock block,
      int firstVisible,
      int position,
      float scale,
      float cap) {
    int piece = block.pieceTokens();
    tokens = block.lead() + block.pieces() * piece;
    if (weights.length < heads * tokens) {
      weights = new float[heads * tokens];
    }
    if (piece == block.tile()) {
      logitsOfTiles(heads, queries, query, block, tokens, scale);
    } else {
      logitsOfParts(heads, queries, query, block, tokens, scale);
    }
    if (cap != 0) {
      SoftCap.apply(weights, 0, heads * tokens, cap);
    }
    hide(heads, tokens, 0, 0, 0, block.lead());
    for (int i = 0; i < block.pieces(); i++) {
      int at = block.lead() + i * piece;
      hide(heads, tokens, at, block.first(i, firstVisible), block.last(i, position), piece);
    }
  }

  /** The largest of a head's logits at places [from, to) of the block; -infinity without one. */
  float largest(int head, int from, int to) {
    int end = Math.min(to, tokens);
    return from < end
        ? simd.max(weights, head * tokens + from, end - from)
        : Float.NEGATIVE_INFINITY;
  }

  /** Leaves out a head's tokens at places [from, to) of the block. */
  void leaveOut(int head, int from, int to) {
    int end = Math.min(to, tokens);
    if (from < end) {
      Arrays.fill(weights, head * tokens + from, head * tokens + end, Float.NEGATIVE_INFINITY);
    }
  }

  /** Adds a block, whose {@link #logits} were the last ones, to the states. */
  void add(
      int state,
      int heads,
      float[] outs,
      int target,
      PageBlock block,
      int firstVisible,
      int position) {
    int headDim = block.headDim();
    int piece = block.pieceTokens();
    for (int g = 0; g < heads; g++) {
      weigh(state + g, g * tokens, tokens, outs, target + g * headDim, headDim);
    }
    int together;
    for (int i = 0; i < block.pieces(); i += together) {
      int first = block.first(i, firstVisible);
      int last = block.last(i, position);
      together = 1;
      // Pieces whose values stand back to back are one, as far as nothing is hidden between them.
      while (i + together < block.pieces()
          && last == together * piece
          && block.valueAt(i + together) == block.valueAt(i) + last * headDim
          && block.first(i + together, firstVisible) == 0
          && block.last(i + together, position) > 0) {
        last += block.last(i + together, position);
        together++;
      }
      if (first < last) {
        simd.addValues(
            outs,
            target,
            heads,
            headDim,
            weights,
            block.lead() + i * piece,
            tokens,
            block.values(),
            block.valueAt(i),
            first,
            last);
      }
    }
  }

  /** Logits of pieces that are whole tiles, as many at a time as stand back to back. */
  private void logitsOfTiles(
      int heads, float[] queries, int query, PageBlock block, int stride, float scale) {
    int slots = block.tile();
    int headDim = block.headDim();
    int tiles;
    for (int i = 0; i < block.pieces(); i += tiles) {
      int key = block.keyAt(i);
      tiles = 1;
      while (i + tiles < block.pieces()
          && block.keyAt(i + tiles) == key + tiles * slots * headDim) {
        tiles++;
      }
      int at = block.lead() + i * slots;
      simd.tileLogits(
          weights,
          at,
          stride,
          queries,
          query,
          heads,
          block.keys(),
          key,
          headDim,
          slots,
          tiles,
          scale);
    }
  }

  /** Logits of pieces that are part of a tile: the whole tile's, of which the piece's are kept. */
  private void logitsOfParts(
      int heads, float[] queries, int query, PageBlock block, int stride, float scale) {
    int tile = block.tile();
    int piece = block.pieceTokens();
    if (ofTile.length < heads * tile) {
      ofTile = new float[heads * tile];
    }
    for (int i = 0; i < block.pieces(); i++) {
      int key = block.keyAt(i);
      if (i == 0 || key != block.keyAt(i - 1)) {
        float[] keys = block.keys();
        int headDim = block.headDim();
        simd.logits(ofTile, 0, tile, queries, query, heads, keys, key, headDim, tile, scale);
      }
      int at = block.lead() + i * piece;
      for (int g = 0; g < heads; g++) {
        System.arraycopy(ofTile, g * tile + block.slot(i), weights, g * stride + at, piece);
      }
    }
  }

  /** Removes the logits of a piece outside tokens [first, last), where memory may hold anything. */
  private void hide(int heads, int stride, int piece, int first, int last, int tokens) {
    if (first == 0 && last == tokens) {
      return;
    }
    for (int g = 0; g < heads; g++) {
      int at = g * stride + piece;
      if (first >= last) {
        Arrays.fill(weights, at, at + tokens, Float.NEGATIVE_INFINITY);
      } else {
        Arrays.fill(weights, at, at + first, Float.NEGATIVE_INFINITY);
        Arrays.fill(weights, at + last, at + tokens, Float.NEGATIVE_INFINITY);
      }
    }
  }

  /** Turns a head's logits into weights, after bringing its state to the largest logit. */
  private void weigh(int state, int at, int tokens, float[] outs, int target, int headDim) {
    float largest = Math.max(max[state], simd.max(weights, at, tokens));
    if (largest > max[state]) {
      float shrink = ScalarMath.exp(max[state] - largest);
      ScalarMath.scale(outs, target, shrink, headDim);
      sum[state] *= shrink;
      max[state] = largest;
    }
    sum[state] += simd.exponentiate(weights, at, tokens, largest);
  }

  float max(int state) {
    return max[state];
  }

  float sum(int state) {
    return sum[state];
  }

  /**
   * Divides the state's output by its sum.
   *
   * @return log of the sum of exp(logit); -infinity for an empty state
   */
  float finish(int state, float[] outs, int target, int headDim) {
    return finish(max[state], sum[state], outs, target, headDim);
  }

  /** As {@link #finish(int, float[], int, int)}, for a state that is kept elsewhere. */
  static float finish(float max, float sum, float[] outs, int target, int headDim) {
    if (sum == 0f) {
      return Float.NEGATIVE_INFINITY;
    }
    ScalarMath.scale(outs, target, 1f / sum, headDim);
    return (float) (max + Math.log(sum));
  }
}
