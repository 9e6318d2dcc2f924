package dev.questspark.engine.ops;

import static dev.questspark.engine.ops.Tolerance.assertClose;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.ops.CacheScenario.Span;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The ops that work on rows alone, without a cache: part of {@link TensorOpsContract}. */
abstract class RowOpsContract {
  final ReferenceTensorOps reference = new ReferenceTensorOps();
  final Random random = new Random(42);
  Backend backend;
  TensorOps ops;

  /** A fresh backend. */
  protected abstract Backend open(BackendOptions options);

  @BeforeEach
  void openBackend() {
    backend = open(new BackendOptions(2, DType.F32, true));
    ops = backend.ops();
  }

  @AfterEach
  void closeBackend() {
    backend.close();
  }

  @ParameterizedTest
  @CsvSource({"1,1", "1,64", "3,17", "37,128", "5,2047"})
  void embed(int rows, int channels) {
    RaggedBatch batch = batchOf(rows);
    float[][] table = GuardedTensor.random(random, 50, channels);
    GuardedTensor out = GuardedTensor.blank(backend, rows, channels);
    ops.embed(out.view(), GuardedTensor.of(backend, table).view(), backend.load(batch));
    assertClose("out", out.read(), reference.embed(table, batch), Tolerance.exact());
  }

  @Test
  void embedRefusesTokensOutsideTheVocabulary() {
    RaggedBatch batch =
        new RaggedBatch(
            new int[] {7}, new int[1], new int[] {0, 1}, new int[] {0, 1}, new int[1], new int[0]);
    Tensor table = GuardedTensor.of(backend, GuardedTensor.random(random, 7, 4)).view();
    assertThatThrownBy(
            () -> {
              ops.embed(GuardedTensor.blank(backend, 1, 4).view(), table, backend.load(batch));
              backend.load(batch).counters(); // waits for the device
            })
        .isInstanceOf(RuntimeException.class);
  }

  @ParameterizedTest
  @CsvSource({
    "1,1,1",
    "1,1,64",
    "3,1,17",
    "37,4,32",
    "5,3,127",
    "3,1,896",
    "2,1,2048",
    "2,1,9001",
    "1,1,16384"
  })
  void rmsNorm(int rows, int groups, int channels) {
    float[][] x = GuardedTensor.random(random, rows, groups * channels);
    float[][] weight = GuardedTensor.random(random, 1, channels);
    float[][] expected = reference.rmsNorm(x, weight[0], 1e-5f);
    GuardedTensor out = GuardedTensor.blank(backend, rows, groups * channels);
    GuardedTensor input = GuardedTensor.of(backend, x);
    Tensor gain = GuardedTensor.of(backend, weight).view();
    ops.rmsNorm(out.view(), input.view(), gain, 1e-5f);
    assertClose("out", out.read(), expected, Tolerance.average(channels));
    ops.rmsNorm(input.view(), input.view(), gain, 1e-5f);
    assertClose("in place", input.read(), out.read(), Tolerance.exact());
  }

  @ParameterizedTest
  @CsvSource({"1,1", "1,64", "3,17", "37,128", "5,896", "2,2048", "2,9001", "1,16384"})
  void addRmsNorm(int rows, int channels) {
    float[][] x = GuardedTensor.random(random, rows, channels);
    float[][] y = GuardedTensor.random(random, rows, channels);
    float[][] weight = GuardedTensor.random(random, 1, channels);
    float[][] sum = reference.add(x, y);
    GuardedTensor out = GuardedTensor.blank(backend, rows, channels);
    GuardedTensor residual = GuardedTensor.of(backend, x);
    GuardedTensor term = GuardedTensor.of(backend, y);
    Tensor gain = GuardedTensor.of(backend, weight).view();
    ops.addRmsNorm(out.view(), residual.view(), term.view(), gain, 1e-5f);
    assertClose("x", residual.read(), sum, Tolerance.exact());
    float[][] expected = reference.rmsNorm(sum, weight[0], 1e-5f);
    assertClose("out", out.read(), expected, Tolerance.average(channels));
    GuardedTensor plain = GuardedTensor.blank(backend, rows, channels);
    ops.rmsNorm(plain.view(), residual.view(), gain, 1e-5f);
    assertClose("as by rmsNorm", out.read(), plain.read(), Tolerance.exact());
    GuardedTensor again = GuardedTensor.of(backend, x);
    ops.addRmsNorm(term.view(), again.view(), term.view(), gain, 1e-5f);
    assertClose("over y", term.read(), out.read(), Tolerance.exact());
  }

  @ParameterizedTest
  @CsvSource({
    "1,1,1",
    "1,64,64",
    "2,33,17",
    "7,128,255",
    "8,256,64",
    "16,31,1",
    "17,64,257",
    "37,127,96",
    "65,48,33",
    "130,200,130",
    "1,2048,65",
    "300,64,64"
  })
  void linear(int rows, int in, int out) {
    linear(backend, DType.F32, rows, in, out);
    try (Backend bf16 = open(new BackendOptions(2, DType.BF16, true))) {
      linear(bf16, DType.BF16, rows, in, out);
    }
    try (Backend fast = open(new BackendOptions(2, DType.F32, false))) {
      linear(fast, DType.F32, rows, in, out);
    }
  }

  private void linear(Backend on, DType arithmetic, int rows, int in, int out) {
    int head = out / 3; // two fused parts where there is room for two
    float[][] x = GuardedTensor.random(random, rows, in);
    float[][] weight = GuardedTensor.random(random, out, in);
    float[][] bias = GuardedTensor.random(random, 1, out);
    List<HostTensor> weights = new ArrayList<>();
    List<HostTensor> biases = new ArrayList<>();
    for (int[] part : head == 0 ? new int[][] {{0, out}} : new int[][] {{0, head}, {head, out}}) {
      float[][] rowsOfPart = Arrays.copyOfRange(weight, part[0], part[1]);
      float[][] biasOfPart = {Arrays.copyOfRange(bias[0], part[0], part[1])};
      weights.add(GuardedTensor.host("weight", rowsOfPart));
      biases.add(GuardedTensor.host("bias", biasOfPart));
    }
    for (List<HostTensor> given : List.of(biases, List.<HostTensor>of())) {
      GuardedTensor result = GuardedTensor.blank(on, rows, out);
      try (LinearWeight packed = on.pack(weights, given)) {
        assertThat(packed.outFeatures()).isEqualTo(out);
        assertThat(packed.inFeatures()).isEqualTo(in);
        on.ops().linear(result.view(), GuardedTensor.of(on, x).view(), packed);
        float[] addend = given.isEmpty() ? new float[out] : bias[0];
        float[][] expected = reference.linear(x, weight, addend, arithmetic);
        assertClose("out in " + arithmetic, result.read(), expected, Tolerance.dot(in));
      }
    }
  }

  @Test
  void linearReadsBf16WeightsExactly() {
    float[][] x = GuardedTensor.random(random, 5, 40);
    float[][] weight = GuardedTensor.random(random, 24, 40);
    GuardedTensor out = GuardedTensor.blank(backend, 5, 24);
    try (LinearWeight packed =
        backend.pack(List.of(GuardedTensor.host("w", DType.BF16, weight)), List.of())) {
      ops.linear(out.view(), GuardedTensor.of(backend, x).view(), packed);
    }
    for (float[] row : weight) {
      for (int i = 0; i < row.length; i++) {
        row[i] = DType.bf16ToFloat(DType.floatToBf16(row[i]));
      }
    }
    float[][] expected = reference.linear(x, weight, new float[24], DType.F32);
    assertClose("out", out.read(), expected, Tolerance.dot(40));
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,17", "37,128", "5,2047"})
  void siluMul(int rows, int channels) {
    float[][] gateUp = GuardedTensor.random(random, rows, 2 * channels);
    for (float[] row : gateUp) {
      row[0] *= 200; // saturated gates as well
    }
    GuardedTensor out = GuardedTensor.blank(backend, rows, channels);
    ops.siluMul(out.view(), GuardedTensor.of(backend, gateUp).view());
    float[][] expected = reference.siluMul(gateUp);
    assertClose("siluMul", out.read(), expected, Tolerance.elementwise());
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,17", "37,128", "5,2049"})
  void geluMul(int rows, int channels) {
    float[][] gateUp = GuardedTensor.random(random, rows, 2 * channels);
    for (float[] row : gateUp) {
      row[0] *= 20; // saturated gates as well
      row[channels - 1] *= 200;
    }
    GuardedTensor out = GuardedTensor.blank(backend, rows, channels);
    ops.geluMul(out.view(), GuardedTensor.of(backend, gateUp).view());
    assertClose("geluMul", out.read(), reference.geluMul(gateUp), Tolerance.elementwise());
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,17", "37,128", "5,2049"})
  void xielu(int rows, int channels) {
    float[][] x = GuardedTensor.random(random, rows, channels);
    x[0][0] = -30;
    for (float[] curve : new float[][] {{1, 0, 0}, {0.8f, 1.1f, 0.5f}}) {
      GuardedTensor bent = GuardedTensor.of(backend, x);
      ops.xielu(bent.view(), curve[0], curve[1], curve[2]);
      float[][] expected = reference.xielu(x, curve[0], curve[1], curve[2]);
      assertClose("xielu", bent.read(), expected, Tolerance.elementwise());
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,17", "37,128", "5,2049"})
  void softCap(int rows, int channels) {
    float[][] x = GuardedTensor.random(random, rows, channels);
    x[0][0] = -1e4f; // at the cap
    GuardedTensor capped = GuardedTensor.of(backend, x);
    ops.softCap(capped.view(), 0.7f);
    assertClose("softCap", capped.read(), reference.softCap(x, 0.7f), Tolerance.elementwise());
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,17", "37,128", "5,2049"})
  void scale(int rows, int channels) {
    float[][] x = GuardedTensor.random(random, rows, channels);
    GuardedTensor scaled = GuardedTensor.of(backend, x);
    ops.scale(scaled.view(), 12.25f);
    assertClose("scale", scaled.read(), reference.scale(x, 12.25f), Tolerance.elementwise());
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,17", "37,128", "5,2049"})
  void add(int rows, int channels) {
    float[][] x = GuardedTensor.random(random, rows, channels);
    float[][] y = GuardedTensor.random(random, rows, channels);
    GuardedTensor sum = GuardedTensor.of(backend, x);
    ops.add(sum.view(), GuardedTensor.of(backend, y).view());
    assertClose("add", sum.read(), reference.add(x, y), Tolerance.exact());
  }

  @ParameterizedTest
  @CsvSource({"1,1", "1,64", "3,17", "5,896", "2,2048", "2,9001"})
  void layerNorm(int rows, int channels) {
    float[][] x = GuardedTensor.random(random, rows, channels);
    float[][] weight = GuardedTensor.random(random, 1, channels);
    float[][] bias = GuardedTensor.random(random, 1, channels);
    for (float[] row : x) {
      for (int i = 0; i < channels; i++) {
        row[i] += 3; // a mean that counts
      }
    }
    float[][] expected = reference.layerNorm(x, weight[0], bias[0], 1e-5f);
    GuardedTensor out = GuardedTensor.blank(backend, rows, channels);
    GuardedTensor input = GuardedTensor.of(backend, x);
    Tensor gain = GuardedTensor.of(backend, weight).view();
    Tensor addend = GuardedTensor.of(backend, bias).view();
    ops.layerNorm(out.view(), input.view(), gain, addend, 1e-5f);
    // The mean is rounded at its own size, 3, and what is left of it counts as much as a channel.
    assertClose("out", out.read(), expected, 8 * Tolerance.average(channels));
    ops.layerNorm(input.view(), input.view(), gain, addend, 1e-5f);
    assertClose("in place", input.read(), out.read(), Tolerance.exact());
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "3,8,2", "37,128,8", "5,33,33"})
  void routeExperts(int rows, int experts, int perRow) {
    float[][] logits = GuardedTensor.random(random, rows, experts);
    logits[0][experts - 1] = logits[0][0]; // of equal ones the first
    for (boolean normalise : new boolean[] {false, true}) {
      float[][] expected = reference.routeExperts(logits, perRow, normalise);
      GuardedTensor choice = GuardedTensor.blank(backend, rows, 2 * perRow);
      ops.routeExperts(choice.view(), GuardedTensor.of(backend, logits).view(), normalise);
      assertClose("choice", choice.read(), expected, Tolerance.average(experts));
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1,1,1,1", "3,8,2,17,33", "37,5,3,64,40", "300,3,2,20,33"})
  void linearExperts(int rows, int experts, int perRow, int in, int out) {
    float[][] logits = GuardedTensor.random(random, rows, experts);
    float[][] choice = reference.routeExperts(logits, perRow, true);
    float[][][] weights = new float[experts][][];
    List<List<HostTensor>> parts = new ArrayList<>();
    for (int e = 0; e < experts; e++) {
      weights[e] = GuardedTensor.random(random, out, in);
      List<HostTensor> own = new ArrayList<>();
      int head = out / 3; // two fused parts where there is room for two
      for (int[] part : head == 0 ? new int[][] {{0, out}} : new int[][] {{0, head}, {head, out}}) {
        float[][] rowsOfPart = Arrays.copyOfRange(weights[e], part[0], part[1]);
        own.add(GuardedTensor.host("expert", rowsOfPart));
      }
      parts.add(own);
    }
    try (LinearWeight packed = backend.packExperts(parts)) {
      assertThat(packed.outFeatures()).isEqualTo(experts * out);
      for (int inputs : new int[] {rows, rows * perRow}) {
        float[][] x = GuardedTensor.random(random, inputs, in);
        GuardedTensor result = GuardedTensor.blank(backend, rows * perRow, out);
        ops.linearExperts(
            result.view(),
            GuardedTensor.of(backend, x).view(),
            GuardedTensor.of(backend, choice).view(),
            packed);
        float[][] expected = reference.linearExperts(x, choice, weights);
        assertClose("out", result.read(), expected, Tolerance.dot(in));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"1,1,1", "3,2,17", "37,8,300"})
  void mixExperts(int rows, int perRow, int channels) {
    float[][] x = GuardedTensor.random(random, rows * perRow, channels);
    float[][] choice = GuardedTensor.random(random, rows, 2 * perRow);
    GuardedTensor out = GuardedTensor.blank(backend, rows, channels);
    ops.mixExperts(
        out.view(), GuardedTensor.of(backend, x).view(), GuardedTensor.of(backend, choice).view());
    assertClose("out", out.read(), reference.mixExperts(x, choice), Tolerance.dot(perRow));
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,17", "37,128"})
  void gatherRows(int rows, int channels) {
    RaggedBatch batch = batchOf(rows);
    float[][] x = GuardedTensor.random(random, rows, channels);
    GuardedTensor out = GuardedTensor.blank(backend, batch.logitRows().length, channels);
    ops.gatherRows(out.view(), GuardedTensor.of(backend, x).view(), backend.load(batch));
    assertClose("out", out.read(), reference.gatherRows(x, batch), Tolerance.exact());
  }

  @ParameterizedTest
  @CsvSource({"1,1", "3,17", "5,2048", "8,40001"})
  void argmax(int rows, int vocabulary) {
    float[][] logits = GuardedTensor.random(random, rows, vocabulary);
    int[] expected = new int[rows];
    for (int r = 0; r < rows; r++) {
      for (int i = 1; i < vocabulary; i++) {
        expected[r] = logits[r][i] > logits[r][expected[r]] ? i : expected[r];
      }
    }
    int tied = vocabulary - 1; // a later logit as large as the largest does not win
    logits[0][tied] = logits[0][expected[0]];
    if (rows > 2) {
      Arrays.fill(logits[1], Float.NEGATIVE_INFINITY);
      expected[1] = 0;
      logits[2][vocabulary / 2] = Float.NaN;
      logits[2][tied] = Float.NaN;
      expected[2] = -1 - vocabulary / 2;
    }
    int[] tokens = new int[rows];
    backend.argmax(tokens, GuardedTensor.of(backend, logits).view());
    assertThat(tokens).isEqualTo(expected);
  }

  private RaggedBatch batchOf(int rows) {
    KvGeometry geometry = new KvGeometry(1, 1, 2, 16, DType.F32);
    return CacheScenario.of(random, geometry, 0, 1, List.of(new Span(0, rows))).batch();
  }

  @ParameterizedTest
  @EnumSource(Share.class)
  void mergeAttention(Share share) {
    KvGeometry geometry = new KvGeometry(1, 2, 64, 16, DType.F32);
    CacheScenario scenario =
        CacheScenario.of(random, geometry, 0, 2, List.of(new Span(100, 3), new Span(250, 2)));
    HostKv kv = scenario.kv();
    RaggedBatch batch = scenario.batch();
    float[][] q = GuardedTensor.random(random, batch.rows(), scenario.queryColumns());
    float[][][] out = new float[2][batch.rows()][];
    float[][][] sums = new float[2][batch.rows()][];
    float[][] expected = new float[batch.rows()][];
    float[][] expectedSums = new float[batch.rows()][];
    for (int r = 0; r < batch.rows(); r++) {
      int[] pages =
          reference.choosePages(
              kv, batch.positions()[r], PageBudget.all(kv.geometry().pageSize()), null);
      int cut = share.of(pages.length);
      int[][] parts = {Arrays.copyOf(pages, cut), Arrays.copyOfRange(pages, cut, pages.length)};
      for (int i = 0; i < 2; i++) {
        int[][] lists = {parts[i], parts[i]};
        ReferenceTensorOps.Attended state =
            reference.attend(kv, q[r], batch, r, lists, kv.geometry().pageSize(), 0.125f);
        out[i][r] = parts[i].length == 0 ? new float[state.out().length] : state.out();
        sums[i][r] = state.logSumExp();
      }
      ReferenceTensorOps.Attended whole =
          reference.attend(kv, q[r], batch, r, new int[][] {pages, pages}, 16, 0.125f);
      expected[r] = whole.out();
      expectedSums[r] = whole.logSumExp();
    }
    GuardedTensor first = GuardedTensor.of(backend, out[0]);
    GuardedTensor firstSums = GuardedTensor.of(backend, sums[0]);
    ops.mergeAttention(
        first.view(),
        firstSums.view(),
        GuardedTensor.of(backend, out[1]).view(),
        GuardedTensor.of(backend, sums[1]).view());
    assertClose("out", first.read(), expected, Tolerance.average(8));
    assertClose("logSumExp", firstSums.read(), expectedSums, Tolerance.average(8));
  }

  /** Which part of the pages the first of two merged states covers. */
  enum Share {
    NOTHING,
    HALF,
    EVERYTHING;

    int of(int pages) {
      return this == NOTHING ? 0 : this == HALF ? pages / 2 : pages;
    }
  }
}
