package dev.questspark.engine.model;

import dev.questspark.engine.ops.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Puts the channels of every head of a checkpoint's tensor in another order: rows of a projection,
 * columns of a bias or a norm.
 */
final class HeadOrder {
  private final int[] order;
  private final boolean asStored;

  /**
   * @param order channel i of a head is the stored one at {@code order[i]}
   */
  HeadOrder(int[] order) {
    this.order = order;
    boolean same = true;
    for (int i = 0; i < order.length; i++) {
      same &= order[i] == i;
    }
    this.asStored = same;
  }

  /**
   * Reorders heads of rows.
   *
   * @param weight (heads * D and more, K)
   * @param channels rows that belong to heads, from the first on; the others keep their place
   */
  HostTensor rows(HostTensor weight, int channels) {
    return asStored ? weight : reordered(weight, weight.rows(), weight.cols(), channels);
  }

  /** Reorders heads of a vector (1, heads * D and more). */
  HostTensor cols(HostTensor vector, int channels) {
    return asStored ? vector : reordered(vector, vector.cols(), 1, channels);
  }

  private HostTensor reordered(HostTensor tensor, int count, int width, int channels) {
    int bytes = Math.multiplyExact(width, tensor.dtype().bytes());
    ByteBuffer source = tensor.data();
    ByteBuffer target =
        ByteBuffer.allocateDirect(Math.multiplyExact(count, bytes)).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      int head = i / order.length * order.length;
      int from = i < channels ? head + order[i - head] : i;
      target.put(i * bytes, source, from * bytes, bytes);
    }
    MappedPages.giveBack(source);
    return new HostTensor(tensor.name(), tensor.dtype(), tensor.rows(), tensor.cols(), target);
  }
}
