package dev.questspark.engine.ops.cpu.pages;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.ops.cpu.simd.ScalarOps;
import dev.questspark.engine.ops.cpu.simd.SimdForm;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The best units are those of a sort, whatever the scores look like. */
class BestUnitsTest {
  private final Random random = new Random(5);
  private final List<BestUnits> forms =
      List.of(new BestUnits(new ScalarOps()), new BestUnits(SimdForm.ofWorkers(1)[0]));

  @ParameterizedTest
  @CsvSource({
    "2, 1, 0",
    "17, 1, 0",
    "40, 3, 2",
    "64, 2, 1",
    "500, 1, 0",
    "2037, 4, 1",
    "4100, 1, 0"
  })
  void asASort(int units, int parts, int hidden) {
    for (IntToDoubleFunction kind : kinds(units * parts)) {
      float[] scores = new float[3 + units * parts];
      for (int i = 0; i < units * parts; i++) {
        scores[3 + i] = (float) kind.applyAsDouble(i);
      }
      Integer[] sorted = sorted(scores, units, parts, hidden);
      for (BestUnits form : forms) {
        for (int best : budgets(units)) {
          int[] expected = Arrays.stream(sorted).limit(best).mapToInt(unit -> 7 + unit).toArray();
          Arrays.sort(expected);
          int[] entries = new int[2 + best];
          form.take(scores, 3, units, parts, hidden);
          assertThat(form.write(entries, 2, 7, units, best)).isEqualTo(2 + best);
          assertThat(Arrays.copyOfRange(entries, 2, 2 + best))
              .as("the %d best of %d", best, units)
              .isEqualTo(expected);
        }
      }
    }
  }

  /** All scores of a kind, by index. */
  private List<IntToDoubleFunction> kinds(int count) {
    float[] special = {
      Float.NaN,
      -0f,
      0f,
      Float.POSITIVE_INFINITY,
      Float.NEGATIVE_INFINITY,
      Float.MIN_VALUE,
      -Float.MIN_VALUE,
      Float.MAX_VALUE,
      Float.intBitsToFloat(-1)
    };
    return List.of(
        i -> random.nextGaussian(),
        i -> 1 + 1e-6 * random.nextGaussian(),
        i -> Math.rint(2 * random.nextGaussian()),
        i -> special[random.nextInt(special.length)],
        i -> 0,
        i -> Float.NaN,
        i -> i,
        i -> -i,
        i -> i < count / 2 ? -3 : i == count - 1 ? 1e30 : -3.5, // long runs of equals
        i -> i % 16 == 0 ? random.nextFloat() : Float.NEGATIVE_INFINITY); // one group has all
  }

  private static Iterable<Integer> budgets(int units) {
    TreeSet<Integer> budgets =
        new TreeSet<>(List.of(1, 2, 8, 127, units / 9, units / 2, units - 1));
    return budgets.subSet(1, units);
  }

  private static Integer[] sorted(float[] scores, int units, int parts, int hidden) {
    double[] ofUnits = new double[units];
    Arrays.fill(ofUnits, Double.NaN);
    for (int i = hidden; i < units * parts; i++) {
      int unit = i / parts;
      double score = scores[3 + i] + 0d;
      if (Double.isNaN(ofUnits[unit]) || score > ofUnits[unit]) {
        ofUnits[unit] = score;
      }
    }
    return IntStream.range(0, units)
        .boxed()
        .sorted(
            Comparator.comparing((Integer unit) -> Double.isNaN(ofUnits[unit]))
                .thenComparing(unit -> ofUnits[unit], (a, b) -> a < b ? 1 : a > b ? -1 : 0))
        .toArray(Integer[]::new);
  }
}
