package dev.questspark.engine.ops.cuda;

import static dev.questspark.engine.ops.cuda.BenchmarkInputs.HEAD_DIM;
import static dev.questspark.engine.ops.cuda.BenchmarkInputs.PAGE_SIZE;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.BlockShape;
import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.ops.prefill.TileSkipping;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Times the last chunk of a prompt over block lists, part of {@link OpBenchmark}: attention at
 * several densities beside dense attention of the same chunk, and what scores and lists blocks. 32
 * query heads over 8 KV heads.
 */
final class BlockListBenchmark {
  private static final int KV_HEADS = 8;
  private static final int QUERY_HEADS = 32;
  private static final float SCALE = (float) (1 / Math.sqrt(HEAD_DIM));
  private static final double[] DENSITIES = {0.1, 0.2, 0.35, 0.5, 0.75, 1};

  /** Median seconds of one call. */
  interface Clock {
    double seconds(int calls, IntConsumer op);
  }

  /** Where a line of figures goes. */
  interface Table {
    void write(String what, Map<String, Object> figures) throws IOException;
  }

  private final CudaBackend backend;
  private final BenchmarkInputs inputs;
  private final Clock clock;
  private final Table table;

  BlockListBenchmark(CudaBackend backend, BenchmarkInputs inputs, Clock clock, Table table) {
    this.backend = backend;
    this.inputs = inputs;
    this.clock = clock;
    this.table = table;
  }

  /** The last {@code rows} rows of so many tokens. */
  void run(int tokens, int rows, BlockShape shape) throws IOException {
    KvGeometry geometry = new KvGeometry(1, KV_HEADS, HEAD_DIM, PAGE_SIZE, DType.BF16);
    RaggedBatch whole = inputs.batch(1, tokens, 1);
    KvLayer layer = inputs.layer(geometry, tokens / PAGE_SIZE);
    inputs.fill(layer, whole, 4);
    int start = tokens - rows;
    int[] positions = IntStream.range(start, tokens).toArray();
    LoadedBatch batch =
        backend.load(
            new RaggedBatch(
                new int[rows],
                positions,
                new int[] {0, rows},
                new int[] {0, tokens / PAGE_SIZE},
                whole.pageTable(),
                new int[0]));
    Segments segments =
        Segments.of(shape, positions, new int[] {0, rows}, new int[] {tokens + shape.segment()});
    Tensor q = inputs.random(DType.BF16, rows, QUERY_HEADS * HEAD_DIM);
    Tensor out = backend.allocate(DType.BF16, rows, q.cols());
    Tensor sums = backend.allocate(rows, QUERY_HEADS);
    Tensor scores = backend.allocate(segments.count() * KV_HEADS, shape.blocksOf(tokens));
    double dense =
        clock.seconds(1, call -> backend.ops().attendPrefill(out, q, layer, batch, 0, 1, SCALE));
    double pairs = IntStream.of(positions).mapToDouble(position -> position + 1).sum();
    double denseRate = flops(pairs) / dense;
    try (BlockList list =
        backend.allocateBlockList(
            new BlockListShape(segments.count(), KV_HEADS, shape.blocksOf(tokens)))) {
      list.begin(segments);
      for (double density : DENSITIES) {
        double read = draw(list, segments, density);
        for (TileSkipping skipping : List.of(TileSkipping.NONE, new TileSkipping(1e-30))) {
          double seconds =
              clock.seconds(
                  1,
                  call ->
                      backend
                          .ops()
                          .attendPrefill(out, sums, q, layer, batch, list, skipping, SCALE, 0));
          table.write(
              skipping.any() ? "attend_prefill_skip" : "attend_prefill_blocks",
              Map.of(
                  "tokens",
                  tokens,
                  "rows",
                  rows,
                  "density",
                  read / pairs,
                  "us",
                  seconds * 1e6,
                  "flop_per_s",
                  flops(read) / seconds,
                  "over_dense_rate",
                  flops(read) / seconds / denseRate));
        }
      }
      BlockBudget budget = new BlockBudget(Math.max(2, 2048 / shape.block()), 1, 0, false);
      for (BlockScoring scoring :
          List.of(
              new BlockScoring.SampledRows(16),
              new BlockScoring.Antidiagonal(8),
              new BlockScoring.Midpoint(0.25f))) {
        score(
            "score_blocks",
            tokens,
            rows,
            scoring,
            () ->
                backend
                    .ops()
                    .scoreBlocks(scores, q, layer, batch, segments, scoring, budget, SCALE, 0));
        score(
            "top_blocks",
            tokens,
            rows,
            scoring,
            () -> backend.ops().topBlocks(list, scores, budget, scoring.fewestRows()));
      }
    }
    BenchmarkInputs.free(List.of(layer));
    for (Tensor tensor : List.of(q, out, sums, scores)) {
      tensor.buffer().close();
    }
  }

  private void score(String what, int tokens, int rows, BlockScoring scoring, Runnable op)
      throws IOException {
    double seconds = clock.seconds(1, call -> op.run());
    table.write(
        what,
        Map.of("tokens", tokens, "rows", rows, "scoring", scoring.toString(), "us", seconds * 1e6));
  }

  private static double flops(double pairs) {
    return 4.0 * pairs * HEAD_DIM * QUERY_HEADS;
  }

  /** Fills the lists at random, the first block among them; gives the pairs of row and key. */
  private static double draw(BlockList list, Segments segments, double density) {
    Random random = new Random(7);
    double pairs = 0;
    for (int segment = 0; segment < segments.count(); segment++) {
      int before = segments.blocksBefore(segment);
      int rows = segments.rowsOf(segment);
      for (int kvHead = 0; kvHead < KV_HEADS; kvHead++) {
        int[] drawn =
            IntStream.range(0, before)
                .filter(block -> block == 0 || random.nextDouble() < density)
                .toArray();
        list.set(segment, kvHead, drawn);
        pairs += (double) rows * drawn.length * segments.shape().block() / KV_HEADS;
      }
      pairs += rows * (rows + 1) / 2.0;
    }
    return pairs;
  }
}
