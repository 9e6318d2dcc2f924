package dev.questspark.job.report;

import java.util.ArrayList;
import java.util.List;

/**
 * Maps data to a length in pixels.
 *
 * @param logarithmic base 2
 */
record Scale(double from, double to, double length, boolean logarithmic) {
  private static final int WANTED_TICKS = 5;

  /** From zero to a round number above the largest value. */
  static Scale fromZero(double largest, double length) {
    double step = step(largest <= 0 ? 1 : largest);
    return new Scale(0, step * Math.ceil(largest * 1.02 / step), length, false);
  }

  /** From a round number at or below the least value to one above the largest. */
  static Scale between(double least, double largest, double length) {
    double step = step(largest > least ? largest - least : 1);
    return new Scale(
        step * Math.floor(least / step + 1e-9),
        step * Math.ceil(largest / step + 0.02),
        length,
        false);
  }

  /** Shares from 0 to 1, with room above for marks at 1. */
  static Scale shares(double length) {
    return new Scale(0, 1.06, length, false);
  }

  /** From a half octave below the least to one above the largest. */
  static Scale octaves(double least, double largest, double length) {
    return new Scale(least / Math.sqrt(2), largest * Math.sqrt(2), length, true);
  }

  double at(double value) {
    return logarithmic
        ? length * (Math.log(value / from) / Math.log(to / from))
        : length * (value - from) / (to - from);
  }

  List<Double> ticks() {
    List<Double> ticks = new ArrayList<>();
    if (logarithmic) {
      for (double tick = Math.pow(2, Math.ceil(Math.log(from) / Math.log(2)));
          tick <= to;
          tick *= 2) {
        ticks.add(tick);
      }
      return ticks;
    }
    double step = step(to - from);
    for (double tick = Math.ceil(from / step) * step; tick <= to + step / 1000; tick += step) {
      ticks.add(tick);
    }
    return ticks;
  }

  private static double step(double range) {
    double rough = range / WANTED_TICKS;
    double power = Math.pow(10, Math.floor(Math.log10(rough)));
    for (double factor : new double[] {1, 2, 2.5, 5}) {
      if (rough <= factor * power * 1.0001) {
        return factor * power;
      }
    }
    return 10 * power;
  }
}
