package dev.questspark.engine.ops;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import java.util.Arrays;
import java.util.Map;

/**
 * One layer's cache on the host, in the memory order of {@link KvGeometry}. Slots that hold no
 * token are NaN, so that an op that reads one is found out.
 *
 * @param keys row (page * kvHeads + head) * pageSize + slot
 * @param values alike
 * @param digests row (page * B + block) * kvHeads + head
 */
record HostKv(
    KvGeometry geometry,
    int window,
    float[][] keys,
    float[][] values,
    Map<PageScore, float[][]> digests) {

  static HostKv empty(KvGeometry geometry, int window, int pages) {
    int heads = geometry.kvHeads();
    int rows = pages * heads * geometry.pageSize();
    Map<PageScore, float[][]> digests = PageScores.map();
    for (PageScore score : PageScores.KNOWN) {
      digests.put(score, nan(pages * geometry.blocksPerPage() * heads, 2 * geometry.headDim()));
    }
    return new HostKv(
        geometry, window, nan(rows, geometry.headDim()), nan(rows, geometry.headDim()), digests);
  }

  private static float[][] nan(int rows, int cols) {
    float[][] matrix = new float[rows][cols];
    for (float[] row : matrix) {
      Arrays.fill(row, Float.NaN);
    }
    return matrix;
  }

  float[] key(int page, int head, int slot) {
    return keys[(page * geometry.kvHeads() + head) * geometry.pageSize() + slot];
  }

  float[] value(int page, int head, int slot) {
    return values[(page * geometry.kvHeads() + head) * geometry.pageSize() + slot];
  }

  /**
   * @param block page * B + block of the page
   */
  float[] digest(PageScore score, int block, int head) {
    return digests.get(score)[block * geometry.kvHeads() + head];
  }

  int firstVisible(int position) {
    return window == 0 ? 0 : Math.max(0, position - window + 1);
  }

  /** The same content in a backend's memory. */
  KvLayer upload(Backend backend) {
    Map<PageScore, Tensor> uploaded = PageScores.map();
    digests.forEach(
        (score, rows) -> uploaded.put(score, backend.upload(GuardedTensor.host(score + "", rows))));
    return new KvLayer(
        geometry,
        backend.upload(GuardedTensor.host("keys", inMemory(backend.keyOrder()))),
        backend.upload(GuardedTensor.host("values", values)),
        uploaded,
        window);
  }

  /** The keys as rows of a backend's memory, whose pages have the given order. */
  float[][] inMemory(KeyOrder order) {
    return order == KeyOrder.SLOT_MAJOR
        ? keys
        : transposed(keys, geometry.digestBlockSize(), false);
  }

  /** A layer's keys in the order of {@link #keys}, whatever the backend's. */
  static float[][] keys(Backend backend, KvLayer layer) {
    float[][] rows = GuardedTensor.matrix(backend, layer.keys());
    return backend.keyOrder() == KeyOrder.SLOT_MAJOR
        ? rows
        : transposed(rows, layer.geometry().digestBlockSize(), true);
  }

  /** Turns each block of (slots, channels) into (channels, slots) in the same memory, or back. */
  private static float[][] transposed(float[][] rows, int slots, boolean back) {
    int channels = rows[0].length;
    float[][] result = new float[rows.length][channels];
    for (int row = 0; row < rows.length; row++) {
      int block = row / slots * slots;
      for (int channel = 0; channel < channels; channel++) {
        int flat = channel * slots + row % slots;
        if (back) {
          result[row][channel] = rows[block + flat / channels][flat % channels];
        } else {
          result[block + flat / channels][flat % channels] = rows[row][channel];
        }
      }
    }
    return result;
  }
}
