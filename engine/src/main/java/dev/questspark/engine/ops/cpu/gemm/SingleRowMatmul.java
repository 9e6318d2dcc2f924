package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.dnnl.memory;
import org.bytedeco.javacpp.LongPointer;

/**
 * A single row times a panel in bf16 that is packed for AMX. oneDNN multiplies it in tiles like
 * many rows, which where others use the tiles too reads a panel at half the speed of memory; this
 * reads it through the Vector API and adds up in the order of the tiles ({@link SimdOps#addPairs}).
 * That it is their order, {@link BatchInvarianceProbe} measures.
 */
final class SingleRowMatmul {
  /** Calls of more rows are for the tiles: there a row more costs nothing. */
  static final int MOST_ROWS = 2;

  /** A process has started by then. */
  private static final long PATIENCE_NANOS = 2_000_000_000;

  /** Elements of a row per block of pairs. */
  private static final int BLOCK = 2 * SimdOps.PAIRS;

  private final int inFeatures;
  private final int outFeatures;
  private final int stripBytes;
  private final WorkerBuffers[] perWorker;

  /** One worker's memory, and what it found to be faster for so many rows. */
  private static final class WorkerBuffers {
    final float[] sums = new float[2 * SimdOps.STRIP];
    final TimedChoice[] ways = new TimedChoice[MOST_ROWS];

    WorkerBuffers() {
      Arrays.setAll(ways, rows -> new TimedChoice(PATIENCE_NANOS));
    }
  }

  private SingleRowMatmul(PanelShape shape, int workers) {
    this.inFeatures = shape.inFeatures();
    this.outFeatures = shape.outFeatures();
    this.stripBytes = inFeatures * SimdOps.STRIP * Short.BYTES;
    this.perWorker = new WorkerBuffers[workers];
    Arrays.setAll(perWorker, worker -> new WorkerBuffers());
  }

  /** The product that reads the tiles' layout; none if that is not AMX's, or K fills no block. */
  static Optional<SingleRowMatmul> of(TiledMatmul tiled, int workers) {
    PanelShape shape = tiled.shape();
    boolean bf16 = shape.rows() == DType.BF16 && shape.weights() == DType.BF16;
    return bf16 && shape.inFeatures() % BLOCK == 0 && inStrips(tiled.packed(0), shape)
        ? Optional.of(new SingleRowMatmul(shape, workers))
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
        && sizes.get(0) == SimdOps.PAIRS
        && sizes.get(1) == SimdOps.STRIP
        && sizes.get(2) == 2
        && strides.get(0) == (long) BLOCK * SimdOps.STRIP
        && strides.get(1) == (long) shape.inFeatures() * SimdOps.STRIP;
  }

  /**
   * A packed panel as it is read here.
   *
   * @param pairs the panel's memory, which must outlive the result
   * @param bias of the whole weight, whose columns from {@code from} on are the panel's
   * @return none if {@code simd} cannot read native memory
   */
  Optional<Panel> panel(ByteBuffer pairs, float[] bias, int from, SimdOps simd) {
    float[] biases = Arrays.copyOfRange(bias, from, from + outFeatures);
    return Optional.ofNullable(simd.viewOfPairs(pairs)).map(view -> new Panel(this, view, biases));
  }

  /** For calls of so many rows: 0 the tiles, 1 this. */
  TimedChoice ways(int rows, int worker) {
    return perWorker[worker].ways[rows - 1];
  }

  /** A panel, and its bias. */
  record Panel(SingleRowMatmul product, Object pairs, float[] bias) {
    /**
     * out[at + n] = x . weight[n] + bias[n].
     *
     * @param x K floats that bf16 holds exactly
     */
    void multiply(float[] x, float[] out, int at, SimdOps simd, int worker) {
      multiply(x, out, at, 0, strips(), simd, worker);
    }

    int strips() {
      return (product.outFeatures + SimdOps.STRIP - 1) / SimdOps.STRIP;
    }

    /** As above, of the columns of some strips. */
    void multiply(float[] x, float[] out, int at, int from, int to, SimdOps simd, int worker) {
      float[] sums = product.perWorker[worker].sums;
      int blocks = product.inFeatures / BLOCK;
      int bytes = product.stripBytes;
      for (int strip = from; strip < to; strip += 2) {
        int other = Math.min(strip + 1, to - 1); // of the last strip alone, itself
        simd.addPairs(sums, x, pairs, strip * bytes, other * bytes, blocks);
        int column = strip * SimdOps.STRIP;
        int end = Math.min(product.outFeatures, Math.min(to, strip + 2) * SimdOps.STRIP);
        for (int i = column; i < end; i++) {
          out[at + i] = sums[i - column] + bias[i];
        }
      }
    }
  }
}
