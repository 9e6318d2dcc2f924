package dev.questspark.job.report;

import java.util.Collection;
import java.util.List;

/**
 * A mean with its 95 % interval.
 *
 * @param low null, as {@code high}, where there are too few values to say anything of their spread
 */
record Interval(double mean, Double low, Double high) {
  /** Student's t of two values is 12.7 standard errors wide to each side: it says nothing. */
  static final int LEAST_VALUES = 3;

  private static final double Z = 1.959964;

  /** 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom. */
  private static final double[] T = {
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
        2.145,
    2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052,
        2.048,
    2.045, 2.042
  };

  /** Of a share of successes, by Wilson's score: right also near 0 and 1. */
  static Interval wilson(double successes, int trials) {
    double share = successes / trials;
    double z2 = Z * Z / trials;
    double centre = (share + z2 / 2) / (1 + z2);
    double half = Z * Math.sqrt(share * (1 - share) / trials + z2 / trials / 4) / (1 + z2);
    return new Interval(share, Math.max(0, centre - half), Math.min(1, centre + half));
  }

  /** Of a mean of independent values, by Student's t; none under {@link #LEAST_VALUES}. */
  static Interval mean(List<Double> values) {
    int n = values.size();
    double mean = average(values);
    if (n < LEAST_VALUES) {
      return new Interval(mean, null, null);
    }
    double squares = values.stream().mapToDouble(value -> (value - mean) * (value - mean)).sum();
    double t = n - 2 < T.length ? T[n - 2] : Z;
    double half = t * Math.sqrt(squares / (n - 1) / n);
    return new Interval(mean, mean - half, mean + half);
  }

  /**
   * Of a geometric mean of positive values such as rates, by Student's t of their logarithms: a
   * factor up and down, never below zero.
   */
  static Interval geometricMean(List<Double> values) {
    return mean(values.stream().map(Math::log).toList()).exp();
  }

  /** Of the exponential. */
  Interval exp() {
    return new Interval(
        Math.exp(mean), low == null ? null : Math.exp(low), high == null ? null : Math.exp(high));
  }

  /** The part of it that the mean can lie in at all. */
  Interval within(double least, double most) {
    return low == null ? this : new Interval(mean, Math.max(least, low), Math.min(most, high));
  }

  /**
   * Of a mean of paired differences of shares. For right-or-wrong scores by Agresti and Min (2005),
   * which adds one pair of each kind: without it, two policies that agree on every question would
   * have an interval of no width.
   */
  static Interval paired(List<Double> differences) {
    boolean binary = differences.stream().allMatch(value -> value == 0 || Math.abs(value) == 1);
    if (!binary) {
      return mean(differences).within(-1, 1);
    }
    double wins = differences.stream().filter(value -> value > 0).count() + 0.5;
    double losses = differences.stream().filter(value -> value < 0).count() + 0.5;
    double n = differences.size() + 2;
    double centre = (wins - losses) / n;
    double half = Z * Math.sqrt(wins + losses - (wins - losses) * (wins - losses) / n) / n;
    return new Interval(
        average(differences), Math.max(-1, centre - half), Math.min(1, centre + half));
  }

  /** Wilson's for scores that are all 0 or 1, Student's otherwise. */
  static Interval scores(List<Double> scores) {
    boolean binary = scores.stream().allMatch(score -> score == 0 || score == 1);
    return binary
        ? wilson(scores.stream().mapToDouble(Double::doubleValue).sum(), scores.size())
        : mean(scores).within(0, 1);
  }

  static double average(Collection<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
  }
}
