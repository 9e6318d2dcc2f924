package dev.questspark.job.report;

import dev.questspark.job.eval.QualityRow;
import dev.questspark.job.eval.SelectionRow;
import dev.questspark.job.eval.SpeedRow;
import java.util.List;

/** Rows of measurements, made up. */
final class MeasuredRows {
  private MeasuredRows() {}

  static SelectionRow selection(String selector, int layer, int head) {
    double mass = (selector.equals("quest") ? 0.7 : 0.2) + 0.01 * layer - 0.002 * (head % 9);
    return new SelectionRow(
        "passkey_facts",
        "passkey_facts",
        "d0",
        0,
        2048,
        0.0,
        2000,
        selector,
        256,
        "minmax",
        layer,
        head,
        12,
        mass,
        mass);
  }

  static QualityRow quality(String selector, int budget, int i) {
    return scored(selector, budget, i, selector.equals("sink_recent") && i % 4 != 0 ? 0.0 : 1.0);
  }

  /** An answer with a given score; null for an answer without a reference. */
  static QualityRow scored(String selector, int budget, int i, Double score) {
    return new QualityRow(
        "passkey_facts",
        "passkey_facts",
        "exact",
        "d" + i,
        0,
        i % 2 == 0 ? 2048 : 8192,
        50.0 * (i % 3),
        selector,
        budget,
        "minmax",
        0,
        "ok",
        null,
        null,
        "1",
        List.of("1"),
        score,
        score == null || score == 1,
        score == null ? 1 : score,
        2000,
        6,
        0,
        100L,
        900L,
        5,
        0,
        null);
  }

  static SpeedRow speed(String selector, int budget, int i) {
    double ms = selector.equals("all") ? 80 : 20;
    return row(selector, budget, i, i % 3, ms * 63 + i);
  }

  /** A repetition on the first document. */
  static SpeedRow timed(String selector, int budget, int repetition, double stepMs) {
    return row(selector, budget, 0, repetition, stepMs * 63);
  }

  private static SpeedRow row(
      String selector, int budget, int document, int repetition, double decodeMs) {
    return new SpeedRow(
        "d" + document,
        repetition,
        selector,
        budget,
        "minmax",
        0,
        2000 + 500 * document,
        2010 + 500.0 * document,
        8,
        64,
        1,
        900,
        80,
        30,
        decodeMs,
        100,
        900);
  }
}
