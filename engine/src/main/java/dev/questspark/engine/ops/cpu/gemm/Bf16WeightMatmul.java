package dev.questspark.engine.ops.cpu.gemm;

import static dev.questspark.engine.ops.cpu.gemm.TiledMatmul.FINEST;
import static dev.questspark.engine.ops.cpu.gemm.TiledMatmul.TALLEST;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.cpu.memory.NativeMemory;
import dev.questspark.engine.ops.cpu.onednn.OneDnn;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.reorder;

/**
 * Products of rows in f32 with panels in bf16: a checkpoint in bf16 on a processor that does not
 * multiply it. To widen a weight is exact, so the panels need not take more memory than the
 * checkpoint, and a decode step reads half the bytes. The product widens what it reads, once per
 * tile; where a worker has several tiles for a panel, it widens the panel once into memory of its
 * own and multiplies by that, to the same bits.
 */
final class Bf16WeightMatmul implements AutoCloseable {
  /** What multiplying by a panel in bf16 takes, over the same by a widened panel. */
  private static final double NARROW = 1.25;

  /** A pass over a panel takes as long as multiplying so many rows by it. */
  private static final int PASS_ROWS = 16;

  /** Heights of products with panels in bf16, and with widened ones: tiles of many rows. */
  private static final List<Integer> NARROW_HEIGHTS = List.of(1, 2, 4, 8, 16, 32, FINEST);

  private static final List<Integer> WIDE_HEIGHTS = List.of(FINEST, TALLEST);

  /**
   * Above this oneDNN takes K in blocks, and where it does, version 3.11 gets this product wrong on
   * AVX-512 without bf16.
   */
  private static final int LONGEST_SPAN = 512;

  private final OneDnn library;
  private final TiledMatmul narrow;
  private final TiledMatmul wide;
  private final WorkerBuffers[] perWorker;

  /** One worker's widened panel. */
  private final class WorkerBuffers {
    final NativeMemory space = new NativeMemory(wide.packedBytes());
    final List<memory> spans = wide.place(space, 0);
    final reorder[] widening = new reorder[spans.size()];

    WorkerBuffers() {
      Arrays.setAll(
          widening,
          span ->
              new reorder(
                  new reorder.primitive_desc(
                      library.cpu(), narrow.packed(span), library.cpu(), wide.packed(span))));
    }
  }

  private Bf16WeightMatmul(OneDnn library, TiledMatmul narrow, TiledMatmul wide, int workers) {
    this.library = library;
    this.narrow = narrow;
    this.wide = wide;
    this.perWorker = new WorkerBuffers[workers];
  }

  /**
   * The products of a shape.
   *
   * @param whole the shape of rows and weights in f32
   * @return none if the library has no such product, or one whose bits are not those of f32 weights
   */
  static Optional<Bf16WeightMatmul> of(
      OneDnn library, PanelShape whole, ByteBuffer[] outputs, boolean invariant) {
    if (!library.multipliesF32ByBf16()) {
      return Optional.empty();
    }
    PanelShape spans =
        new PanelShape(
            whole.inFeatures(), whole.outFeatures(), DType.F32, DType.BF16, LONGEST_SPAN);
    TiledMatmul narrow = new TiledMatmul(library, spans, NARROW_HEIGHTS, outputs);
    TiledMatmul wide = new TiledMatmul(library, spans.with(DType.F32), WIDE_HEIGHTS, outputs);
    boolean equal;
    try (BatchInvarianceProbe measure = new BatchInvarianceProbe(spans)) {
      if (invariant) {
        measure.keep(narrow);
        measure.keep(wide);
      }
      equal = measure.equal(narrow, wide);
    }
    return equal
        ? Optional.of(new Bf16WeightMatmul(library, narrow, wide, outputs.length))
        : Optional.empty();
  }

  /** Whether widening a panel pays for so many rows. */
  static boolean pays(int rows) {
    return rows >= FINEST && rows + PASS_ROWS < NARROW * rows;
  }

  /** How long multiplying by a panel takes, in rows of a product. */
  static double cost(int rows) {
    return pays(rows) ? rows + PASS_ROWS : NARROW * rows;
  }

  /** The products with panels in bf16. */
  TiledMatmul narrow() {
    return narrow;
  }

  /** The products with what {@link #widen} gives. */
  TiledMatmul wide() {
    return wide;
  }

  /** The panel in f32; good until the worker's next call. */
  TiledMatmul.Weight widen(TiledMatmul.Weight weight, int worker) {
    if (perWorker[worker] == null) {
      perWorker[worker] = new WorkerBuffers();
    }
    WorkerBuffers buffers = perWorker[worker];
    for (int span = 0; span < buffers.widening.length; span++) {
      buffers.widening[span].execute(
          library.stream(), weight.spans().get(span), buffers.spans.get(span));
    }
    return new TiledMatmul.Weight(buffers.spans, weight.bias(), null);
  }

  @Override
  public void close() {
    for (WorkerBuffers buffers : perWorker) {
      if (buffers != null) {
        buffers.space.close();
      }
    }
  }
}
