package dev.questspark.job.report;

import dev.questspark.job.eval.SpeedRow;
import java.util.List;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/**
 * The speed batches of one policy. A batch decodes {@code batch} rows for {@code newTokens} - 1
 * steps.
 */
final class SpeedSummary {
  private static final double MS_PER_S = 1e3;
  private static final double MS_PER_HOUR = 3.6e6;
  private static final double BILLION = 1e9;

  private final List<SpeedRow> rows;

  /**
   * @param rows of one policy, at least one
   */
  SpeedSummary(List<SpeedRow> rows) {
    this.rows = rows;
  }

  int repetitions() {
    return (int) rows.stream().map(SpeedRow::repetition).distinct().count();
  }

  /** Per repetition all tokens over all time; geometric mean and interval over repetitions. */
  Interval decodeThroughput() {
    var byRepetition =
        rows.stream()
            .collect(
                Collectors.groupingBy(SpeedRow::repetition, TreeMap::new, Collectors.toList()));
    return Interval.geometricMean(
        byRepetition.values().stream()
            .map(
                repetition ->
                    sum(repetition, row -> (double) row.batch() * (row.newTokens() - 1))
                        / (sum(repetition, SpeedRow::decodeMs) / MS_PER_S))
            .toList());
  }

  double tpotMs() {
    return sum(rows, SpeedRow::decodeMs) / sum(rows, row -> row.newTokens() - 1);
  }

  double prefillThroughput() {
    return sum(rows, SpeedRow::documentTokens) / (sum(rows, SpeedRow::prefillMs) / MS_PER_S);
  }

  double questionThroughput() {
    return sum(rows, SpeedRow::questionTokens) / (sum(rows, SpeedRow::questionMs) / MS_PER_S);
  }

  double documentsPerHour() {
    return rows.size() * MS_PER_HOUR / totalMs();
  }

  double documentsPerHourCeiling() {
    return rows.size() * MS_PER_HOUR / sum(rows, SpeedRow::prefillMs);
  }

  double deviceHoursPerBillionTokens() {
    double tokens =
        sum(
            rows,
            row ->
                row.documentTokens()
                    + row.questionTokens()
                    + (double) row.batch() * row.newTokens());
    return totalMs() / MS_PER_HOUR / tokens * BILLION;
  }

  double kvReadShare() {
    return sum(rows, SpeedRow::kvBytesRead) / sum(rows, SpeedRow::kvBytesDense);
  }

  /** Mean per document, for the picture of where time goes. */
  double meanMs(ToDoubleFunction<SpeedRow> part) {
    return sum(rows, part) / rows.size();
  }

  private double totalMs() {
    return sum(rows, row -> row.prefillMs() + row.questionMs() + row.decodeMs());
  }

  private static double sum(List<SpeedRow> rows, ToDoubleFunction<SpeedRow> part) {
    return rows.stream().mapToDouble(part).sum();
  }
}
