package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.ops.DType;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.ShortBuffer;
import java.util.Arrays;
import org.bytedeco.dnnl.memory;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.ShortPointer;

/**
 * The rows of a weight (N, K), read back out of its packed panels: a table that {@code embed} reads
 * where the output projection is tied to it, so that the model keeps one copy of the two. A row is
 * scattered over its panel, a few elements per cache line; it costs a few microseconds, once per
 * token.
 */
final class PackedRows implements TableRows {
  private final PackedWeight weight;
  private final int panelRows;

  /** Where element (k, n) of a packed span stands: an offset of k plus an offset of n. */
  private record Places(int[] ofK, int[] ofN) {}

  private final Places[] whole;
  private final Places[] last;

  /**
   * @param panelRows rows of every panel but the last
   */
  PackedRows(PackedWeight weight, int panelRows) {
    this.weight = weight;
    this.panelRows = panelRows;
    this.whole = places(weight.panels().get(0).tiled());
    this.last = places(weight.panels().get(weight.panels().size() - 1).tiled());
  }

  private static Places[] places(TiledMatmul tiled) {
    Places[] places = new Places[tiled.shape().spans()];
    Arrays.setAll(places, span -> places(tiled.packed(span)));
    return places;
  }

  /**
   * oneDNN's blocked layouts: coordinates are cut into digits from the innermost block out, and
   * every digit has a stride of its own, so that the offset is a sum over the two coordinates.
   */
  private static Places places(memory.desc packed) {
    if (packed.get_format_kind().intern() != memory.format_kind.blocked) {
      throw new IllegalStateException("oneDNN packed a weight in a layout that has no offsets");
    }
    LongPointer dims = packed.get_dims();
    return new Places(offsets(packed, 0, (int) dims.get(0)), offsets(packed, 1, (int) dims.get(1)));
  }

  private static int[] offsets(memory.desc packed, int dimension, int count) {
    int blocks = packed.get_inner_nblks();
    LongPointer sizes = packed.get_inner_blks();
    LongPointer owners = packed.get_inner_idxs();
    long outer = packed.get_strides().get(dimension);
    int[] offsets = new int[count];
    for (int i = 0; i < count; i++) {
      long position = i;
      long stride = 1;
      long offset = 0;
      for (int block = blocks - 1; block >= 0; block--) {
        long size = sizes.get(block);
        if (owners.get(block) == dimension) {
          offset += position % size * stride;
          position /= size;
        }
        stride *= size;
      }
      offsets[i] = Math.toIntExact(offset + position * outer);
    }
    return offsets;
  }

  @Override
  public void read(int row, float[] target, int at) {
    int index = row / panelRows;
    PackedWeight.Panel panel = weight.panels().get(index);
    Places[] places = index == weight.panels().size() - 1 ? last : whole;
    PanelShape shape = panel.tiled().shape();
    for (int span = 0; span < places.length; span++) {
      read(panel, span, places[span], row - panel.from(), target, at + shape.from(span));
    }
  }

  private static void read(
      PackedWeight.Panel panel, int span, Places places, int row, float[] target, int at) {
    int[] ofK = places.ofK;
    int first = places.ofN[row];
    DType dtype = panel.tiled().shape().weights();
    long elements = panel.tiled().packed(span).get_size() / dtype.bytes();
    Pointer start = panel.weight().spans().get(span).get_data_handle();
    switch (dtype) {
      case BF16 -> {
        ShortBuffer bits = new ShortPointer(start).capacity(elements).asBuffer();
        for (int k = 0; k < ofK.length; k++) {
          target[at + k] = DType.bf16ToFloat(bits.get(first + ofK[k]));
        }
      }
      case I8 -> {
        float scale = panel.weight().channels().scales()[row];
        ByteBuffer integers = new BytePointer(start).capacity(elements).asBuffer();
        for (int k = 0; k < ofK.length; k++) {
          target[at + k] = integers.get(first + ofK[k]) * scale;
        }
      }
      default -> {
        FloatBuffer floats = new FloatPointer(start).capacity(elements).asBuffer();
        for (int k = 0; k < ofK.length; k++) {
          target[at + k] = floats.get(first + ofK[k]);
        }
      }
    }
  }

  /** What a table of its own would take; none of it is this view's. */
  @Override
  public long bytes() {
    return (long) weight.outFeatures() * weight.inFeatures() * weight.dtype().bytes();
  }

  @Override
  public void close() {
    // The weight owns the memory.
  }
}
