package dev.questspark.engine.model;

import dev.questspark.engine.ops.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Optional;

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
    return asStored
        ? weight
        : new HostTensor(
            weight.name(),
            weight.dtype(),
            weight.rows(),
            weight.cols(),
            new Reordered(weight, channels));
  }

  /** Rows of a stored tensor, each read from its place when it is asked for. */
  private final class Reordered implements HostTensor.Rows {
    private final HostTensor stored;
    private final int channels;

    Reordered(HostTensor stored, int channels) {
      this.stored = stored;
      this.channels = channels;
    }

    @Override
    public Optional<ByteBuffer> view(int from, int count) {
      return count == 1 ? stored.view(place(from, channels), 1) : Optional.empty();
    }

    @Override
    public void read(int from, int count, ByteBuffer target) {
      for (int row = from; row < from + count; row++) {
        stored.read(place(row, channels), 1, target);
      }
    }

    @Override
    public void giveBack() {
      stored.giveBack();
    }
  }

  /** Reorders heads of a vector (1, heads * D and more). */
  HostTensor cols(HostTensor vector, int channels) {
    if (asStored) {
      return vector;
    }
    int bytes = vector.dtype().bytes();
    ByteBuffer source = vector.bytes(0, 1);
    ByteBuffer target =
        ByteBuffer.allocate(Math.multiplyExact(vector.cols(), bytes))
            .order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < vector.cols(); i++) {
      target.put(i * bytes, source, place(i, channels) * bytes, bytes);
    }
    return new HostTensor(vector.name(), vector.dtype(), 1, vector.cols(), target);
  }

  /** Where what comes at {@code index} is stored. */
  private int place(int index, int channels) {
    if (index >= channels) {
      return index;
    }
    int head = index / order.length * order.length;
    return head + order[index - head];
  }
}
