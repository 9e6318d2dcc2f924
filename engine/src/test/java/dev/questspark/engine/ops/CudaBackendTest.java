package dev.questspark.engine.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.ops.cuda.CudaBackend;
import dev.questspark.engine.ops.cuda.CudaOptions;
import dev.questspark.engine.ops.cuda.RequiresTestDriver;
import dev.questspark.engine.ops.cuda.TestDriver;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the CUDA backend promises beyond its ops: nothing is lost while the device runs late. */
@RequiresTestDriver
class CudaBackendTest {
  private static final int ROWS = 32;
  private static final int PAGE_ENTRIES = 64;

  private CudaBackend backend;

  @BeforeEach
  void open() {
    backend = TestDriver.open(new CudaOptions(0, DType.F32, DType.F32, true, ROWS, PAGE_ENTRIES));
  }

  @AfterEach
  void close() {
    backend.close();
    assertThat(TestDriver.outstandingAllocations()).isZero();
  }

  private static RaggedBatch batch(int... tokens) {
    return new RaggedBatch(
        tokens,
        new int[tokens.length],
        new int[] {0, tokens.length},
        new int[] {0, 1},
        new int[1],
        new int[0]);
  }

  @Test
  void aStepThatNobodyWaitedForKeepsItsBatch() {
    Tensor table = GuardedTensor.of(backend, new float[][] {{10}, {11}, {12}}).view();
    Tensor first = backend.allocate(2, 1);
    Tensor second = backend.allocate(1, 1);
    backend.ops().embed(first, table, backend.load(batch(1, 2)));
    backend.ops().embed(second, table, backend.load(batch(0)));
    assertThat(GuardedTensor.matrix(backend, first)).isDeepEqualTo(new float[][] {{11}, {12}});
    assertThat(GuardedTensor.matrix(backend, second)).isDeepEqualTo(new float[][] {{10}});
  }

  @Test
  void pageCopiesThatNobodyWaitedForKeepTheirPairs() {
    KvGeometry geometry = new KvGeometry(1, 1, 8, 1, DType.F32);
    float[][] pages = GuardedTensor.random(new Random(3), 6, 8);
    Tensor keys = backend.upload(GuardedTensor.host("keys", pages));
    Tensor values = backend.upload(GuardedTensor.host("values", pages));
    KvLayer layer = new KvLayer(geometry, keys, values, Map.of(), 0);
    backend.ops().copyPages(layer, new int[] {0}, new int[] {4});
    backend.ops().copyPages(layer, new int[] {1}, new int[] {5});
    float[][] copied = GuardedTensor.matrix(backend, keys);
    assertThat(copied[4]).containsExactly(pages[0]);
    assertThat(copied[5]).containsExactly(pages[1]);
  }

  @Test
  void aTensorLargerThanTheStagingBufferArrivesWhole() {
    float[][] large = GuardedTensor.random(new Random(5), 1100, 1024); // 4.3 MiB through 4
    Tensor uploaded = backend.upload(GuardedTensor.host("large", large));
    assertThat(GuardedTensor.matrix(backend, uploaded)).isDeepEqualTo(large);
  }

  @Test
  void memoryThatWrittenDownLaunchesUseIsFreedAfterThem() {
    Tensor table = backend.upload(GuardedTensor.host("table", new float[][] {{10}, {11}}));
    Tensor out = backend.allocate(1, 1);
    backend.ops().embed(out, table, backend.load(batch(1)));
    table.buffer().close();
    assertThat(GuardedTensor.matrix(backend, out)).isDeepEqualTo(new float[][] {{11}});
  }

  @Test
  void anOldBatchIsRefused() {
    Tensor table = backend.upload(GuardedTensor.host("table", new float[][] {{10}, {11}}));
    LoadedBatch old = backend.load(batch(1));
    backend.load(batch(0));
    Tensor out = backend.allocate(1, 1);
    assertThatThrownBy(() -> backend.ops().embed(out, table, old))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("another one took its place");
    assertThatThrownBy(old::counters).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void aBatchBeyondWhatWasPlannedIsRefusedWithNumbers() {
    assertThatThrownBy(() -> backend.load(batch(new int[ROWS + 1])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("33 rows")
        .hasMessageContaining("opened for 32 and 64");
  }

  @Test
  void anotherThreadMayTakeOver() throws InterruptedException {
    Tensor table = backend.upload(GuardedTensor.host("table", new float[][] {{10}, {11}}));
    float[][][] read = new float[1][][];
    Thread other =
        new Thread(
            () -> {
              Tensor out = backend.allocate(1, 1);
              backend.ops().embed(out, table, backend.load(batch(1)));
              read[0] = GuardedTensor.matrix(backend, out);
            });
    other.start();
    other.join();
    assertThat(read[0]).isDeepEqualTo(new float[][] {{11}});
    assertThat(backend.freeBytes()).isPositive();
  }
}
