package dev.questspark.engine.ops.cpu.attention;

import dev.questspark.engine.ops.cpu.pages.CpuKvPages;
import dev.questspark.engine.ops.cpu.simd.SimdOps;

/**
 * Some units of one KV head, as floats: f32 ones where they stand, bf16 ones widened into scratch
 * memory that stays in the first-level cache. It is read in pieces of equally many tokens, each of
 * which lies within one tile of keys, (headDim, tile), and one run of values. One per worker.
 */
final class PageBlock {
  /** Tokens of a block: keys and values of 64 tokens of 64 channels are 32 KiB of floats. */
  private static final int TOKENS = 64;

  private final SimdOps simd;
  private CpuKvPages kv;
  private float[] keys = new float[0];
  private float[] values = new float[0];
  private float[] widened = new float[0]; // keys of the block, then values
  private boolean gathersKeys;
  private int[] keyAt = new int[0];
  private int[] slot = new int[0];
  private int[] valueAt = new int[0];
  private int[] start = new int[0];
  private int unit;
  private int lead;
  private int pieceTokens;
  private int pieces;
  private float touched; // without a use, the compiler would drop the loads

  PageBlock(SimdOps simd) {
    this.simd = simd;
  }

  /** Pages that make a full block. */
  static int fullPages(int pageSize) {
    return Math.max(1, TOKENS / pageSize);
  }

  /**
   * Starts an empty block.
   *
   * @param unit tokens of what will be added, a divisor of the page
   * @param leadUnits units of the block that come before the first one and are not there
   */
  void clear(CpuKvPages kv, int unit, int leadUnits) {
    this.kv = kv;
    this.unit = unit;
    this.lead = leadUnits * unit;
    this.pieceTokens = pieceTokens(unit, kv.blockSize);
    this.pieces = 0;
    int most = fullPages(kv.pageSize) * kv.pageSize / pieceTokens;
    if (keyAt.length < most) {
      keyAt = new int[most];
      slot = new int[most];
      valueAt = new int[most];
      start = new int[most];
    }
    // Tiles narrower than a page are faster read back to back, even if they are floats already.
    this.gathersKeys =
        kv.keyFloats() == null || kv.blockSize < kv.pageSize && pieceTokens == kv.blockSize;
    if (!gathersKeys) {
      keys = kv.keyFloats();
      values = kv.valueFloats();
      return;
    }
    int floats = most * (kv.blockFloats() + pieceTokens * kv.headDim);
    if (widened.length < floats) {
      widened = new float[floats];
    }
    keys = widened;
    values = kv.keyFloats() == null ? widened : kv.valueFloats();
  }

  /** The most consecutive tokens of a unit that always lie within one tile. */
  private static int pieceTokens(int unit, int tile) {
    int a = unit;
    int b = tile;
    while (b != 0) { // their greatest common divisor
      int rest = a % b;
      a = b;
      b = rest;
    }
    return a;
  }

  /** Adds a unit that starts at position {@code startPosition} and lies in a page. */
  void add(int page, int kvHead, int startPosition) {
    for (int done = 0; done < unit; done += pieceTokens) {
      int inPage = (startPosition + done) % kv.pageSize;
      keyAt[pieces] = kv.keyAt(page, kvHead) + inPage / kv.blockSize * kv.blockFloats();
      slot[pieces] = inPage % kv.blockSize;
      valueAt[pieces] = kv.valueAt(page, kvHead) + inPage * kv.headDim;
      start[pieces++] = startPosition + done;
    }
  }

  /** Brings the added units into the cache, and widens them where they are bf16. */
  void load() {
    int keyFloats = kv.blockFloats();
    int valueFloats = pieceTokens * kv.headDim;
    for (int i = 0; i < pieces; i++) {
      touched += kv.touchKeys(keyAt[i], keyFloats) + kv.touchValues(valueAt[i], valueFloats);
    }
    if (!gathersKeys) {
      return;
    }
    int source = -1;
    for (int i = 0; i < pieces; i++) {
      boolean sameTile = keyAt[i] == source;
      source = keyAt[i];
      if (sameTile) {
        keyAt[i] = keyAt[i - 1];
      } else {
        kv.readKeys(source, widened, i * keyFloats, keyFloats, simd);
        keyAt[i] = i * keyFloats;
      }
    }
    if (values != widened) {
      return;
    }
    int valuesFrom = pieces * keyFloats;
    for (int i = 0; i < pieces; i++) {
      int to = valuesFrom + i * valueFloats;
      kv.readValues(valueAt[i], widened, to, valueFloats, simd);
      valueAt[i] = to;
    }
  }

  int pieces() {
    return pieces;
  }

  /** Tokens of the block that come before the first piece and are not there. */
  int lead() {
    return lead;
  }

  /** Tokens of a piece. */
  int pieceTokens() {
    return pieceTokens;
  }

  /** Slots of a tile. */
  int tile() {
    return kv.blockSize;
  }

  int headDim() {
    return kv.headDim;
  }

  float[] keys() {
    return keys;
  }

  float[] values() {
    return values;
  }

  /** Index of the tile that holds piece {@code i}, (headDim, slots), in {@link #keys}. */
  int keyAt(int i) {
    return keyAt[i];
  }

  /** The slot of its tile at which piece {@code i} begins. */
  int slot(int i) {
    return slot[i];
  }

  /** Index of piece {@code i}'s (tokens, headDim) in {@link #values}. */
  int valueAt(int i) {
    return valueAt[i];
  }

  /** The first token of piece {@code i} that stands at {@code firstVisible} or later. */
  int first(int i, int firstVisible) {
    return Math.max(0, firstVisible - start[i]);
  }

  /** The end of the tokens of piece {@code i} that stand at {@code position} or earlier. */
  int last(int i, int position) {
    return Math.min(pieceTokens, position + 1 - start[i]);
  }
}
