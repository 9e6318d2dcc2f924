package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;

/**
 * One layer's keys and values as arrays, for the length of one verb: the only place of this backend
 * that turns (page, kvHead) into an index.
 */
final class CpuKvPages {
  final float[] keys;
  final float[] values;
  final int headDim;
  final int pageSize;
  final int kvHeads;
  private final int window;
  private final long keysFrom;
  private final long valuesFrom;
  private final int pages;

  CpuKvPages(KvLayer kv) {
    KvGeometry geometry = kv.geometry();
    this.headDim = geometry.headDim();
    this.pageSize = geometry.pageSize();
    this.kvHeads = geometry.kvHeads();
    this.window = kv.window();
    this.keys = HeapFloats.of(kv.keys());
    this.values = HeapFloats.of(kv.values());
    this.keysFrom = kv.keys().offset();
    this.valuesFrom = kv.values().offset();
    this.pages = kv.keys().rows() / (kvHeads * pageSize);
    requirePacked("keys", kv.keys().cols(), kv.keys().rowStride());
    requirePacked("values", kv.values().cols(), kv.values().rowStride());
    Shapes.require("values", kv.values(), kv.keys().rows(), headDim);
  }

  private void requirePacked(String name, int cols, int stride) {
    if (cols != headDim || stride != headDim) {
      throw new IllegalArgumentException(
          name + " have " + cols + " columns, stride " + stride + "; head_dim is " + headDim);
    }
  }

  /** First position that a row at {@code position} sees. */
  int firstVisible(int position) {
    return window == 0 ? 0 : Math.max(0, position - window + 1);
  }

  /** Pages that the layer has room for. */
  int pages() {
    return pages;
  }

  /** Floats of one (page, kvHead) in keys or values. */
  int pageFloats() {
    return pageSize * headDim;
  }

  /** Index of the first key of (page, kvHead). */
  int keyAt(int page, int kvHead) {
    return (int) (keysFrom + block(page, kvHead));
  }

  /** Index of the first value of (page, kvHead). */
  int valueAt(int page, int kvHead) {
    return (int) (valuesFrom + block(page, kvHead));
  }

  private long block(int page, int kvHead) {
    if (page < 0 || page >= pages) {
      throw new IllegalArgumentException("page " + page + " of a layer of " + pages + " pages");
    }
    return ((long) page * kvHeads + kvHead) * pageFloats();
  }
}
