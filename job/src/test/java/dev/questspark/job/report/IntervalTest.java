package dev.questspark.job.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

/** Intervals against published values, and against what 95 % promises. */
class IntervalTest {

  @Test
  void wilsonEqualsPublishedValues() {
    // Newcombe (1998), table I, method 3: 81/263, 15/148, 0/20, 1/29
    close(Interval.wilson(81, 263), 0.2553, 0.3662);
    close(Interval.wilson(15, 148), 0.0624, 0.1605);
    close(Interval.wilson(0, 20), 0.0000, 0.1611);
    close(Interval.wilson(1, 29), 0.0061, 0.1718);
  }

  @Test
  void studentEqualsTheFormula() {
    // mean 3, standard deviation sqrt(2.5), t(4) = 2.776
    close(Interval.mean(List.of(1.0, 2.0, 3.0, 4.0, 5.0)), 1.0371, 4.9629);
  }

  @Test
  void twoValuesHaveNoInterval() {
    assertThat(Interval.mean(List.of(7.0))).isEqualTo(new Interval(7, null, null));
    assertThat(Interval.mean(List.of(6.0, 8.0))).isEqualTo(new Interval(7, null, null));
    assertThat(Interval.geometricMean(List.of(4.0, 9.0)).low()).isNull();
  }

  @Test
  void ratesHaveAnIntervalAboveZero() {
    // logarithms 0, 1, 2: mean 1, standard deviation 1, t(2) = 4.303
    Interval rates = Interval.geometricMean(List.of(1.0, Math.E, Math.E * Math.E));
    assertThat(rates.mean()).isCloseTo(Math.E, within(1e-12));
    assertThat(rates.low()).isCloseTo(Math.exp(1 - 4.303 / Math.sqrt(3)), within(1e-12));
    assertThat(rates.high()).isCloseTo(Math.exp(1 + 4.303 / Math.sqrt(3)), within(1e-12));
    assertThat(Interval.geometricMean(List.of(1.0, 900.0, 1100.0)).low()).isPositive();
  }

  @Test
  void sharesKeepTheirIntervalBetweenNothingAndAll() {
    Interval scores = Interval.scores(List.of(0.1, 0.5, 0.9));
    assertThat(scores).isEqualTo(new Interval(0.5, 0.0, 1.0));
    Interval differences = Interval.paired(List.of(-0.9, 0.0, 0.9));
    assertThat(differences).isEqualTo(new Interval(0, -1.0, 1.0));
  }

  private static void close(Interval interval, double low, double high) {
    assertThat(interval.low()).isCloseTo(low, within(5e-5 + 4e-5));
    assertThat(interval.high()).isCloseTo(high, within(5e-5 + 4e-5));
  }

  @Test
  void intervalsHoldTheTruthAsOftenAsTheySay() {
    Random random = new Random(3);
    assertThat(coverage(random, 0.9, r -> r.nextDouble() < 0.9 ? 1.0 : 0.0, Interval::scores))
        .isBetween(0.93, 0.985);
    assertThat(
            coverage(
                random,
                0.06 - 0.04,
                r -> {
                  double draw = r.nextDouble();
                  return draw < 0.06 ? 1.0 : draw < 0.10 ? -1.0 : 0.0;
                },
                Interval::paired))
        .isBetween(0.93, 0.985);
    assertThat(coverage(random, 2, r -> 2 + r.nextGaussian(), Interval::mean))
        .isBetween(0.93, 0.97);
  }

  private static double coverage(
      Random random,
      double truth,
      Function<Random, Double> draw,
      Function<List<Double>, Interval> interval) {
    int trials = 3000;
    int held = 0;
    for (int i = 0; i < trials; i++) {
      List<Double> values = new ArrayList<>();
      for (int n = 0; n < 60; n++) {
        values.add(draw.apply(random));
      }
      Interval found = interval.apply(values);
      held += found.low() <= truth && truth <= found.high() ? 1 : 0;
    }
    return (double) held / trials;
  }

  @Test
  void agreementOnEveryQuestionIsNotCertainty() {
    Interval equal = Interval.paired(java.util.Collections.nCopies(50, 0.0));
    assertThat(equal.mean()).isZero();
    assertThat(equal.low()).isBetween(-0.06, -0.02);
    assertThat(equal.high()).isBetween(0.02, 0.06);
  }
}
