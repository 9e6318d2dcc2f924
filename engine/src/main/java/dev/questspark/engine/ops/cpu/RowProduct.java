package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.DType;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.dnnl.memory;
import org.bytedeco.javacpp.LongPointer;

/**
 * A single row times a panel in bf16 that is packed for AMX. oneDNN multiplies it in tiles like
 * many rows, which where others use the tiles too reads a panel at half the speed of memory; this
 * reads it through the Vector API and adds up in the order of the tiles ({@link Loops#addPairs}).
 * That it is their order, {@link EqualBits} measures.
 */
final class RowProduct {
  /** Calls of more rows are for the tiles: there a row more costs nothing. */
  static final int MOST_ROWS = 2;

  /** A process has started by then. */
  private static final long PATIENCE_NANOS = 2_000_000_000;

  /** Elements of a row per block of pairs. */
  private static final int BLOCK = 2 * Loops.PAIRS;

  private final int inFeatures;
  private final int outFeatures;
  private final int stripBytes;
  private final Bench[] benches;

  /** One worker's memory, and what it found to be faster for so many rows. */
  private static final class Bench {
    final float[] sums = new float[2 * Loops.STRIP];
    final FasterWay[] ways = new FasterWay[MOST_ROWS];

    Bench() {
      Arrays.setAll(ways, rows -> new FasterWay(PATIENCE_NANOS));
    }
  }

  private RowProduct(PanelShape shape, int workers) {
    this.inFeatures = shape.inFeatures();
    this.outFeatures = shape.outFeatures();
    this.stripBytes = inFeatures * Loops.STRIP * Short.BYTES;
    this.benches = new Bench[workers];
    Arrays.setAll(benches, worker -> new Bench());
  }

  /** The product that reads the ladder's layout; none if that is not AMX's, or K fills no block. */
  static Optional<RowProduct> of(MatmulLadder ladder, int workers) {
    PanelShape shape = ladder.shape();
    boolean bf16 = shape.rows() == DType.BF16 && shape.weights() == DType.BF16;
    return bf16 && shape.inFeatures() % BLOCK == 0 && inStrips(ladder.packed(0), shape)
        ? Optional.of(new RowProduct(shape, workers))
        : Optional.empty();
  }

  /** Strips of 32 columns, one after the other; in each, pairs of k in turn. */
  private static boolean inStrips(memory.desc packed, PanelShape shape) {
    if (packed.get_format_kind().intern() != memory.format_kind.blocked
        || packed.get_inner_nblks() != 3) {
      return false;
    }
    LongPointer sizes = packed.get_inner_blks();
    LongPointer owners = packed.get_inner_idxs();
    LongPointer strides = packed.get_strides();
    return owners.get(0) == 0
        && owners.get(1) == 1
        && owners.get(2) == 0
        && sizes.get(0) == Loops.PAIRS
        && sizes.get(1) == Loops.STRIP
        && sizes.get(2) == 2
        && strides.get(0) == (long) BLOCK * Loops.STRIP
        && strides.get(1) == (long) shape.inFeatures() * Loops.STRIP;
  }

  /**
   * A packed panel as it is read here.
   *
   * @param pairs the panel's memory, which must outlive the result
   * @param bias of the whole weight, whose columns from {@code from} on are the panel's
   * @return none if the loops cannot read native memory
   */
  Optional<Panel> panel(ByteBuffer pairs, float[] bias, int from, Loops loops) {
    float[] biases = Arrays.copyOfRange(bias, from, from + outFeatures);
    return Optional.ofNullable(loops.viewOfPairs(pairs)).map(view -> new Panel(this, view, biases));
  }

  /** For calls of so many rows: 0 the tiles, 1 this. */
  FasterWay ways(int rows, int worker) {
    return benches[worker].ways[rows - 1];
  }

  /** A panel, and its bias. */
  record Panel(RowProduct product, Object pairs, float[] bias) {
    /**
     * out[at + n] = x . weight[n] + bias[n].
     *
     * @param x K floats that bf16 holds exactly
     */
    void multiply(float[] x, float[] out, int at, Loops loops, int worker) {
      multiply(x, out, at, 0, strips(), loops, worker);
    }

    int strips() {
      return (product.outFeatures + Loops.STRIP - 1) / Loops.STRIP;
    }

    /** As above, of the columns of some strips. */
    void multiply(float[] x, float[] out, int at, int from, int to, Loops loops, int worker) {
      float[] sums = product.benches[worker].sums;
      int blocks = product.inFeatures / BLOCK;
      int bytes = product.stripBytes;
      for (int strip = from; strip < to; strip += 2) {
        int other = Math.min(strip + 1, to - 1); // of the last strip alone, itself
        loops.addPairs(sums, x, pairs, strip * bytes, other * bytes, blocks);
        int column = strip * Loops.STRIP;
        int end = Math.min(product.outFeatures, Math.min(to, strip + 2) * Loops.STRIP);
        for (int i = column; i < end; i++) {
          out[at + i] = sums[i - column] + bias[i];
        }
      }
    }
  }
}
