package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.HalfFloats.unitRoundoff;
import static dev.questspark.engine.ops.Tolerance.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.ops.CacheScenario.Span;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.ops.cuda.CudaBackend;
import dev.questspark.engine.ops.cuda.CudaOptions;
import dev.questspark.engine.ops.cuda.RequiresCuda;
import dev.questspark.engine.ops.cuda.TestDriver;
import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.BlockShape;
import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.ops.prefill.TileSkipping;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The forms of prefill over block lists on tensor cores, by rows of a tile and warpgroups, against
 * the CPU backend in float, whose contract is against double precision.
 */
@RequiresCuda
class CudaBlockFormsTest {
  private static final int KV_HEADS = 2;
  private static final int GROUP = 2;

  /** The third and the last segment of a document, and its cache, in both backends. */
  private static final class Both implements AutoCloseable {
    final Segments segments;
    final RaggedBatch batch;
    final Random random;
    final CudaBackend gpu;
    final Backend cpu = CpuBackend.open(new BackendOptions(2, DType.F32, true));
    final Side onGpu;
    final Side onCpu;

    /** What the ops of one backend take. */
    private record Side(Backend backend, Tensor q, KvLayer kv, BlockList list, DType act) {
      Tensor like(int rows, int cols) {
        return backend.allocate(rows, cols);
      }
    }

    /**
     * @param faint whether three of four tiles of keys have small logits
     */
    Both(DType act, DType cache, int headDim, int segment, int block, int pageSize, boolean faint) {
      random = new Random(segment + headDim);
      int columns = KV_HEADS * GROUP * headDim;
      KvGeometry geometry = new KvGeometry(1, KV_HEADS, headDim, pageSize, cache);
      int end = 3 * segment + segment / 2;
      CacheScenario scenario =
          CacheScenario.of(
              random, geometry, 0, GROUP, List.of(new Span(2 * segment, end - 2 * segment)));
      batch = scenario.batch();
      segments =
          Segments.of(
              new BlockShape(segment, block), batch.positions(), batch.spanRows(), new int[] {end});
      HostKv kv = scenario.kv();
      for (int position = 0; faint && position < end; position++) {
        int page = batch.pageTable()[batch.spanPages()[0] + position / pageSize];
        for (int head = 0; head < KV_HEADS && position / 64 % 4 > 0; head++) {
          float[] key = kv.key(page, head, position % pageSize);
          for (int c = 0; c < headDim; c++) {
            key[c] *= 0.05f;
          }
        }
      }
      HalfFloats.round(kv.keys(), cache);
      HalfFloats.round(kv.values(), cache);
      float[][] q =
          HalfFloats.round(
              HalfFloats.round(GuardedTensor.random(random, batch.rows(), columns), act), cache);
      gpu = TestDriver.open(new CudaOptions(0, act, cache, true, 512, 512));
      BlockListShape room = new BlockListShape(2, KV_HEADS, segments.blocksBefore(1));
      onGpu =
          new Side(
              gpu,
              TestDriver.upload(gpu, HalfFloats.host(q, act), act),
              CudaPrefillFormsTest.upload(gpu, kv),
              gpu.allocateBlockList(room),
              act);
      HostKv wide =
          new HostKv(
              new KvGeometry(1, KV_HEADS, headDim, pageSize, DType.F32),
              0,
              kv.keys(),
              kv.values(),
              Map.of());
      onCpu =
          new Side(
              cpu,
              GuardedTensor.of(cpu, q).view(),
              wide.upload(cpu),
              cpu.allocateBlockList(room),
              DType.F32);
      onGpu.list.begin(segments);
      onCpu.list.begin(segments);
    }

    void set(int segment, int kvHead, int[] blocks) {
      onGpu.list.set(segment, kvHead, blocks);
      onCpu.list.set(segment, kvHead, blocks);
    }

    /** A third of the blocks, the first one seldom among them. */
    void draw() {
      for (int s = 0; s < 2; s++) {
        for (int kvHead = 0; kvHead < KV_HEADS; kvHead++) {
          set(
              s,
              kvHead,
              IntStream.range(0, segments.blocksBefore(s))
                  .filter(b -> random.nextInt(3) == 0)
                  .toArray());
        }
      }
    }

    /** What a call gives. */
    record Attended(float[][] out, float[][] sums, long[] blocks) {}

    Attended attend(Side on, TileSkipping skipping, float scale) {
      Tensor out = on.backend.allocate(on.act, batch.rows(), on.q.cols());
      Tensor sums = on.like(batch.rows(), KV_HEADS * GROUP);
      LoadedBatch loaded = on.backend.load(batch);
      on.backend.ops().attendPrefill(out, sums, on.q, on.kv, loaded, on.list, skipping, scale, 0);
      return new Attended(
          GuardedTensor.matrix(on.backend, out),
          GuardedTensor.matrix(on.backend, sums),
          loaded.counters().blocksComputed());
    }

    float[][] dense(float scale) {
      Tensor out = gpu.allocate(onGpu.act, batch.rows(), onGpu.q.cols());
      gpu.ops().attendPrefill(out, onGpu.q, onGpu.kv, gpu.load(batch), 0, 1, scale);
      return GuardedTensor.matrix(gpu, out);
    }

    Tensor scores(Side on, BlockScoring scoring, BlockBudget budget) {
      Tensor scores = on.like(2 * KV_HEADS, segments.blocksBefore(1));
      on.backend
          .ops()
          .scoreBlocks(
              scores, on.q, on.kv, on.backend.load(batch), segments, scoring, budget, 0.5f, 0);
      return scores;
    }

    @Override
    public void close() {
      onGpu.list.close();
      onCpu.list.close();
      gpu.close();
      cpu.close();
    }
  }

  /** Segments of fewer and of more rows than a tile of mma has; the last one is not whole. */
  @ParameterizedTest
  @CsvSource({
    "F32,BF16,64,96,32,16",
    "F32,F16,128,224,32,16",
    "BF16,BF16,128,224,16,24",
    "BF16,BF16,128,96,32,64",
    "BF16,F16,96,192,8,16",
    "F32,BF16,256,96,32,16"
  })
  void listsAreReadAndAllIsDense(
      DType act, DType cache, int headDim, int segment, int block, int pageSize) {
    try (Both both = new Both(act, cache, headDim, segment, block, pageSize, false)) {
      both.gpu.ops().keepBlocks(both.onGpu.list(), Integer.MAX_VALUE, 0);
      assertThat(both.attend(both.onGpu, TileSkipping.NONE, 0.125f).out())
          .isDeepEqualTo(both.dense(0.125f));
      both.draw();
      assertAlike(both, TileSkipping.NONE, 0.125f);
    }
  }

  /** Lists that begin where a tile does, and within one; some tiles are left out, and not all. */
  @ParameterizedTest
  @CsvSource({
    "F32,BF16,64,96,32,16",
    "F32,F16,128,224,32,16",
    "BF16,BF16,128,224,16,32",
    "BF16,F16,96,192,8,16",
    "F32,BF16,256,96,32,16"
  })
  void theSameTilesAreLeftOut(
      DType act, DType cache, int headDim, int segment, int block, int pageSize) {
    try (Both both = new Both(act, cache, headDim, segment, block, pageSize, true)) {
      for (int[] first : new int[][] {{}, {0, 2}, {3}}) {
        both.draw();
        both.set(0, 0, first);
        both.set(1, 1, first);
        long all = sum(both.attend(both.onGpu, TileSkipping.NONE, 2).blocks());
        long read = assertAlike(both, new TileSkipping(0.05), 2);
        assertThat(read).isBetween(1L, all - 1);
      }
    }
  }

  private static long sum(long[] blocks) {
    return IntStream.range(0, blocks.length).mapToLong(r -> blocks[r]).sum();
  }

  /** Gives the blocks that were read. */
  private static long assertAlike(Both both, TileSkipping skipping, float scale) {
    Both.Attended found = both.attend(both.onGpu, skipping, scale);
    Both.Attended expected = both.attend(both.onCpu, skipping, scale);
    KvGeometry geometry = both.onGpu.kv().geometry();
    int keys = both.batch.positions()[both.batch.rows() - 1] + 1;
    double tolerance =
        unitRoundoff(both.onGpu.act())
            + unitRoundoff(geometry.dtype())
            + Tolerance.average(geometry.headDim() + keys);
    for (int r = 0; r < both.batch.rows(); r++) {
      assertClose(
          "out row " + r, found.out()[r], expected.out()[r], 4 * scale * tolerance + tolerance);
      assertClose(
          "sums row " + r, found.sums()[r], expected.sums()[r], 8 * scale * tolerance + tolerance);
    }
    assertThat(found.blocks()).isEqualTo(expected.blocks());
    return sum(found.blocks());
  }

  /** Rows and strides that fill no tile, and several; blocks that divide no tile of columns. */
  @ParameterizedTest
  @CsvSource({
    "F32,BF16,64,96,32,16",
    "BF16,F16,96,120,24,16",
    "BF16,BF16,128,192,16,32",
    "F32,F16,128,320,32,16",
    "F32,BF16,256,96,32,16"
  })
  void scoresAndListsAreTheCpus(
      DType act, DType cache, int headDim, int segment, int block, int pageSize) {
    BlockBudget budget = new BlockBudget(3, 1, 0, false);
    try (Both both = new Both(act, cache, headDim, segment, block, pageSize, false)) {
      for (BlockScoring scoring :
          List.of(
              new BlockScoring.SampledRows(16),
              new BlockScoring.SampledRows(segment),
              new BlockScoring.Antidiagonal(4),
              new BlockScoring.Antidiagonal(8),
              new BlockScoring.Midpoint(0))) {
        Tensor scores = both.scores(both.onGpu, scoring, budget);
        float[][] found = GuardedTensor.matrix(both.gpu, scores);
        float[][] expected =
            GuardedTensor.matrix(both.cpu, both.scores(both.onCpu, scoring, budget));
        for (int list = 0; list < found.length; list++) {
          for (int b = 0; b < both.segments.blocksBefore(list / KV_HEADS); b++) {
            assertThat(found[list][b])
                .as("%s: list %d, block %d", scoring, list, b)
                .isCloseTo(expected[list][b], within((float) (8 * Tolerance.dot(headDim))));
          }
        }
        Tensor same = GuardedTensor.of(both.cpu, found).view();
        for (BlockBudget of : List.of(budget, new BlockBudget(Integer.MAX_VALUE, 0.7, 0, false))) {
          both.gpu.ops().topBlocks(both.onGpu.list(), scores, of, scoring.fewestRows());
          both.cpu.ops().topBlocks(both.onCpu.list(), same, of, scoring.fewestRows());
          for (int s = 0; s < 2; s++) {
            for (int kvHead = 0; kvHead < KV_HEADS; kvHead++) {
              assertThat(both.onGpu.list().read(s, kvHead))
                  .isEqualTo(both.onCpu.list().read(s, kvHead));
            }
          }
        }
      }
    }
  }
}
