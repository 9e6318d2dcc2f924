package dev.questspark.engine.ops;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.cpu.simd.ScalarMath;
import dev.questspark.engine.ops.sample.RowSampling;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The op {@code sample}: the definition with a sort, and the distributions it must draw from. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class SamplingContract {
  static final int MAX_ROWS = 64;

  private Backend backend;

  abstract Backend open();

  /** Draws for each distribution; the bound on its chi-square does not depend on it. */
  abstract int draws();

  /** What the batches of rows that are compared with the definition are divided by. */
  int thinned() {
    return 1;
  }

  @BeforeAll
  void openBackend() {
    backend = open();
  }

  @AfterAll
  void closeBackend() {
    backend.close();
  }

  private int[] sample(float[][] logits, RowSampling... rows) {
    int[] tokens = new int[rows.length];
    backend.sample(tokens, GuardedTensor.of(backend, logits).view(), rows);
    return tokens;
  }

  /** Logits of a small vocabulary with a tie, a masked token and a long tail. */
  private static float[] few() {
    return new float[] {
      1.5f, -2, 3, 3, 0.25f, Float.NEGATIVE_INFINITY, -0.5f, 2.5f, 1, -6, 0, 2.75f
    };
  }

  @ParameterizedTest(name = "T {0} top_p {1} top_k {2} min_p {3} penalty {4}")
  @CsvSource({
    "1,   1,    0, 0,    1",
    "0.7, 1,    0, 0,    1",
    "1.5, 0.9,  0, 0,    1",
    "1,   0.5,  0, 0,    1",
    "1,   1,    3, 0,    1",
    "1,   1,    0, 0.3,  1",
    "1.2, 0.95, 6, 0.05, 1.3",
    "1,   0.8,  5, 0,    0.7",
    "2,   0.7,  0, 0.2,  1",
    "1,   1,   12, 0,    1",
    "1,   0.01, 0, 0,    1",
    "1,   1,    1, 0,    1",
  })
  void drawsFromTheExactDistribution(
      float temperature, float topP, int topK, float minP, float penalty) {
    BitSet seen = new BitSet();
    seen.set(2);
    seen.set(6);
    RowSampling shape = new RowSampling(temperature, topK, topP, minP, penalty, seen, 0);
    double[] expected = distribution(few(), shape);
    SplittableRandom random = new SplittableRandom(5);
    long[] counts = new long[expected.length];
    int draws = draws() / MAX_ROWS * MAX_ROWS;
    for (int batch = 0; batch < draws / MAX_ROWS; batch++) {
      float[][] logits = new float[MAX_ROWS][];
      RowSampling[] rows = new RowSampling[MAX_ROWS];
      for (int r = 0; r < MAX_ROWS; r++) {
        logits[r] = few();
        rows[r] = at(shape, random.nextDouble());
      }
      for (int token : sample(logits, rows)) {
        counts[token]++;
      }
    }
    double chiSquare = 0;
    int kept = 0;
    double rareMean = 0; // tokens that are drawn now and then count as one
    long rare = 0;
    for (int id = 0; id < expected.length; id++) {
      double mean = expected[id] * draws;
      if (mean == 0) {
        assertThat(counts[id]).as("token %d is cut", id).isZero();
      } else if (mean < 5) {
        rareMean += mean;
        rare += counts[id];
      } else {
        chiSquare += (counts[id] - mean) * (counts[id] - mean) / mean;
        kept++;
      }
    }
    if (rareMean >= 5) {
      chiSquare += (rare - rareMean) * (rare - rareMean) / rareMean;
      kept++;
    }
    // mean kept - 1, standard deviation sqrt(2 (kept - 1)); five of them
    assertThat(chiSquare).isLessThan(kept - 1 + 5 * Math.sqrt(2.0 * (kept - 1)) + 1e-9);
  }

  private static RowSampling at(RowSampling row, double random) {
    return new RowSampling(
        row.temperature(),
        row.topK(),
        row.topP(),
        row.minP(),
        row.repetitionPenalty(),
        row.seen(),
        random);
  }

  private static float[] penalised(float[] logits, RowSampling row) {
    float[] after = logits.clone();
    for (int id = 0; id < after.length && row.repetitionPenalty() != 1; id++) {
      if (row.seen().get(id)) {
        after[id] =
            after[id] > 0
                ? after[id] / row.repetitionPenalty()
                : after[id] * row.repetitionPenalty();
      }
    }
    return after;
  }

  private static List<Integer> ranked(float[] logits) {
    List<Integer> order = new ArrayList<>();
    for (int id = 0; id < logits.length; id++) {
      order.add(id);
    }
    order.sort(
        Comparator.comparingDouble((Integer id) -> -(double) logits[id] + 0.0)
            .thenComparing(id -> id));
    return order;
  }

  /** As the logits processors say, in doubles. */
  private static double[] distribution(float[] logits, RowSampling row) {
    float[] after = penalised(logits, row);
    List<Integer> order = ranked(after);
    if (row.topK() > 0) {
      order = order.subList(0, Math.min(row.topK(), order.size()));
    }
    double best = after[order.get(0)];
    double[] weights = new double[logits.length];
    double total = 0;
    for (int id : order) {
      weights[id] = Math.exp((after[id] - best) / row.temperature());
      total += weights[id];
    }
    double[] probabilities = new double[logits.length];
    double mass = 0;
    for (int id : order) {
      if (mass / total >= row.topP() || weights[id] < row.minP()) {
        break;
      }
      mass += weights[id];
      probabilities[id] = weights[id];
    }
    for (int id = 0; id < probabilities.length; id++) {
      probabilities[id] /= mass;
    }
    return probabilities;
  }

  /** The definition of {@link RowSampling}, step by step. */
  private static int defined(float[] logits, RowSampling row) {
    float[] after = penalised(logits, row);
    List<Integer> order = ranked(after);
    float best = after[order.get(0)];
    if (row.temperature() == 0) {
      return order.get(0);
    }
    if (row.topK() > 0) {
      order = order.subList(0, Math.min(row.topK(), order.size()));
    }
    double[] weights = new double[logits.length];
    double total = 0;
    for (int id : order) {
      float e = ScalarMath.exp((after[id] - best) * row.inverseTemperature());
      weights[id] = Math.rint((double) e * RowSampling.UNIT);
      total += weights[id];
    }
    double[] kept = new double[logits.length];
    double reached = 0;
    double mass = 0;
    for (int id : order) {
      if (row.topP() < 1 && reached >= Math.ceil(row.topP() * total)) {
        break;
      }
      reached += weights[id];
      kept[id] = weights[id] >= Math.ceil(row.minP() * (double) RowSampling.UNIT) ? weights[id] : 0;
      mass += kept[id];
    }
    double target = Math.min(Math.floor(row.random() * mass), mass - 1);
    int token = 0;
    for (double passed = kept[0]; passed <= target; passed += kept[token]) {
      token++;
    }
    return token;
  }

  @ParameterizedTest
  @CsvSource({"1, 40", "2, 40", "33, 40", "1000, 40", "5003, 12", "40001, 3"})
  void drawsAsDefined(int vocabulary, int batches) {
    Random random = new Random(vocabulary);
    for (int batch = 0; batch < Math.max(1, batches / thinned()); batch++) {
      int rows = 1 + random.nextInt(9);
      float[][] logits = new float[rows][vocabulary];
      RowSampling[] sampling = new RowSampling[rows];
      int[] expected = new int[rows];
      for (int r = 0; r < rows; r++) {
        double spread = Math.exp(random.nextGaussian());
        boolean coarse = random.nextInt(3) == 0; // many equal logits
        for (int id = 0; id < vocabulary; id++) {
          double logit = random.nextGaussian() * spread;
          logits[r][id] = (float) (coarse ? Math.rint(logit) : logit);
        }
        if (random.nextInt(4) == 0) {
          logits[r][random.nextInt(vocabulary)] = Float.NEGATIVE_INFINITY;
        }
        BitSet seen = new BitSet();
        random.ints(vocabulary / 3, 0, vocabulary + 5).forEach(seen::set);
        seen.clear(vocabulary, vocabulary + 5);
        sampling[r] =
            new RowSampling(
                random.nextInt(8) == 0 ? 0 : (float) Math.exp(random.nextGaussian()),
                random.nextInt(2) == 0 ? 0 : 1 + random.nextInt(vocabulary + 2),
                random.nextInt(3) == 0 ? 1 : 1 - random.nextFloat(),
                random.nextInt(3) == 0 ? random.nextFloat() : 0,
                random.nextInt(2) == 0 ? 1 : 0.5f + random.nextFloat(),
                seen,
                random.nextDouble());
        expected[r] = vocabulary == 1 ? 0 : defined(logits[r], sampling[r]);
      }
      assertThat(sample(logits, sampling))
          .as("batch %d: %s", batch, sampling[0])
          .isEqualTo(expected);
    }
  }

  /** Bits do not depend on the batch; a row without sampling is left alone. */
  @Test
  void aRowDrawsAloneAsItDrawsBesideOthers() {
    Random random = new Random(3);
    float[][] logits = GuardedTensor.random(random, 7, 3000);
    RowSampling[] rows = new RowSampling[7];
    for (int r = 0; r < rows.length; r++) {
      rows[r] =
          r == 2 ? null : new RowSampling(1, 40 * (r % 2), 0.9f, 0, 1, null, random.nextDouble());
    }
    int[] together = sample(logits, rows);
    assertThat(together[2]).isZero();
    for (int r = 0; r < rows.length; r++) {
      assertThat(sample(new float[][] {logits[r]}, rows[r])[0]).isEqualTo(together[r]);
    }
  }

  @Test
  void endsOfTheRange() {
    float[] tiny = {1, 1.001f, 0};
    assertThat(sample(new float[][] {tiny}, new RowSampling(1e-30f, 0, 1, 0, 1, null, 0.999)))
        .containsExactly(1);
    float[] equal = new float[64];
    float[] negative = {-0f, 0f, -1, -1};
    float[] infinite = {0, Float.POSITIVE_INFINITY, 3, Float.POSITIVE_INFINITY};
    float[] nothing = {Float.NEGATIVE_INFINITY, Float.NEGATIVE_INFINITY};
    assertThat(sample(new float[][] {equal}, new RowSampling(1, 0, 1, 0, 1, null, 0.9999999999)))
        .containsExactly(63);
    assertThat(sample(new float[][] {negative}, new RowSampling(1, 1, 1, 0, 1, null, 0.9)))
        .containsExactly(0);
    assertThat(sample(new float[][] {infinite}, new RowSampling(1, 0, 0.5f, 0, 1, null, 0.9)))
        .containsExactly(1);
    assertThat(sample(new float[][] {nothing}, new RowSampling(1, 0, 1, 0, 1, null, 0.9)))
        .containsExactly(0);
    float[] bad = {0, Float.NaN, 1, Float.NaN};
    assertThat(sample(new float[][] {bad}, new RowSampling(1, 0, 1, 0, 1, null, 0)))
        .containsExactly(-2);
  }
}
