package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.prune.Int4Keys;

/** One layer's keys in 4 bits as an array, for the length of one op. */
final class CpuInt4Keys {
  private final Int4Keys format;
  private final byte[] bytes;
  private final int from;
  private final int kvHeads;
  private final boolean rounds;

  /** The layer must keep such keys. */
  CpuInt4Keys(KvLayer kv) {
    Tensor tensor =
        kv.int4Keys()
            .orElseThrow(() -> new IllegalArgumentException("the cache keeps no keys in 4 bits"));
    this.format = kv.geometry().int4Keys();
    this.kvHeads = kv.geometry().kvHeads();
    OpArguments.require(
        "4-bit keys", tensor, kv.keys().rows() / kv.geometry().pageSize(), format.columns());
    this.bytes = HeapBuffer.int8s(tensor);
    this.from = HeapBuffer.at(tensor, 0);
    this.rounds = kv.keys().dtype() == DType.BF16;
  }

  private int at(int page, int kvHead) {
    return Math.toIntExact(from + ((long) page * kvHeads + kvHead) * format.columns());
  }

  /**
   * Stores one token.
   *
   * @param key headDim channels from {@code k} on, which become those that the cache stores
   */
  void store(int page, int kvHead, int slot, float[] key, int k) {
    for (int c = k; rounds && c < k + format.headDim(); c++) {
      key[c] = DType.bf16ToFloat(DType.floatToBf16(key[c]));
    }
    format.write(bytes, at(page, kvHead), slot, key, k);
  }

  /** Copies a whole page, all KV heads. */
  void copy(int fromPage, int toPage) {
    System.arraycopy(bytes, at(fromPage, 0), bytes, at(toPage, 0), kvHeads * format.columns());
  }

  /** Fills (headDim, pageSize) with the keys of one (page, kvHead). */
  void widen(int page, int kvHead, float[] keys) {
    format.widen(bytes, at(page, kvHead), keys);
  }
}
