package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.HalfFloats.unitRoundoff;
import static dev.questspark.engine.ops.Tolerance.assertClose;

import dev.questspark.engine.ops.CacheScenario.Span;
import dev.questspark.engine.ops.cuda.CudaBackend;
import dev.questspark.engine.ops.cuda.CudaOptions;
import dev.questspark.engine.ops.cuda.RequiresCuda;
import dev.questspark.engine.ops.cuda.TestDriver;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code attend_prefill} at head_dim 128 takes one form for long spans and another for short ones;
 * a row must not see in its bits which one it was.
 */
@RequiresCuda
class CudaPrefillFormsTest {
  private static final int KV_HEADS = 2;
  private static final int GROUP = 2;
  private static final int COLUMNS = KV_HEADS * GROUP * 128;

  /** Rows fill no tile; some spans stand far into their context, some windows hide its start. */
  @ParameterizedTest
  @CsvSource({
    "F32,BF16,0,0,200",
    "F32,F16,77,0,131",
    "BF16,BF16,0,90,260",
    "BF16,F16,301,0,193",
    "BF16,BF16,301,120,150"
  })
  void aLongSpanIsItsChunks(DType act, DType cache, int context, int window, int rows) {
    Random random = new Random(rows);
    KvGeometry geometry = new KvGeometry(1, KV_HEADS, 128, 16, cache);
    CacheScenario scenario =
        CacheScenario.of(random, geometry, window, GROUP, List.of(new Span(context, rows)));
    HostKv kv = scenario.kv();
    HalfFloats.round(kv.keys(), cache);
    HalfFloats.round(kv.values(), cache);
    float[][] q =
        HalfFloats.round(HalfFloats.round(GuardedTensor.random(random, rows, COLUMNS), act), cache);
    try (CudaBackend on = TestDriver.open(new CudaOptions(0, act, cache, true, 512, 64))) {
      KvLayer layer = upload(on, kv);
      float[][] whole = prefill(on, layer, scenario.batch(), q, act, rows);
      float[][] chunks = prefill(on, layer, scenario.batch(), q, act, 100);
      assertClose("chunks of 100 rows", chunks, whole, Tolerance.exact());

      ReferenceTensorOps reference = new ReferenceTensorOps();
      double tolerance =
          unitRoundoff(act) + unitRoundoff(cache) + Tolerance.average(128 + context + rows);
      for (int r = 0; r < rows; r++) {
        int position = scenario.batch().positions()[r];
        int[][] lists = new int[KV_HEADS][];
        Arrays.fill(lists, reference.choosePages(kv, position, PageBudget.all(16), null));
        float[] expected = reference.attend(kv, q[r], scenario.batch(), r, lists, 16, 0.125f).out();
        assertClose("out row " + r, whole[r], expected, tolerance);
      }
    }
  }

  private static float[][] prefill(
      CudaBackend on, KvLayer kv, RaggedBatch whole, float[][] q, DType act, int chunk) {
    float[][] out = new float[q.length][];
    for (int from = 0; from < q.length; from += chunk) {
      int to = Math.min(q.length, from + chunk);
      RaggedBatch part =
          new RaggedBatch(
              new int[to - from],
              Arrays.copyOfRange(whole.positions(), from, to),
              new int[] {0, to - from},
              whole.spanPages(),
              whole.pageTable(),
              new int[0]);
      HostTensor rows = HalfFloats.host(Arrays.copyOfRange(q, from, to), act);
      Tensor query = TestDriver.upload(on, rows, act);
      Tensor result = on.allocate(act, to - from, COLUMNS);
      on.ops().attendPrefill(result, query, kv, on.load(part), 0, 1, 0.125f);
      System.arraycopy(GuardedTensor.matrix(on, result), 0, out, from, to - from);
    }
    return out;
  }

  static KvLayer upload(CudaBackend on, HostKv kv) {
    DType dtype = kv.geometry().dtype();
    HostTensor keys = HalfFloats.host(kv.inMemory(on.keyOrder()), dtype);
    HostTensor values = HalfFloats.host(kv.values(), dtype);
    return new KvLayer(
        kv.geometry(),
        TestDriver.upload(on, keys, dtype),
        TestDriver.upload(on, values, dtype),
        Map.of(),
        kv.window());
  }
}
