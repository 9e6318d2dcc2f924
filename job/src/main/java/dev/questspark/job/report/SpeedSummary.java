package dev.questspark.job.report;

import dev.questspark.job.eval.rows.SpeedRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
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
                    sum(
                            repetition,
                            row -> (double) row.load().batch() * (row.load().newTokens() - 1))
                        / (sum(repetition, row -> row.times().decodeMs()) / MS_PER_S))
            .toList());
  }

  /**
   * Mean per document: per repetition, then the geometric mean; interval over repetitions. Every
   * repetition must have prefilled anew.
   */
  Interval prefillSeconds() {
    return Interval.geometricMean(
        prefills().values().stream()
            .map(documents -> Interval.average(documents.values()) / MS_PER_S)
            .toList());
  }

  /**
   * Time of the other's prefill over this one's, on the documents that both have: per repetition,
   * then the geometric mean; interval over repetitions. Null where they have none in common.
   */
  Interval prefillSpeedup(SpeedSummary other) {
    Map<Integer, Map<String, Double>> others = other.prefills();
    List<Double> ratios = new ArrayList<>();
    prefills()
        .forEach(
            (repetition, documents) -> {
              double mine = 0;
              double theirs = 0;
              for (Map.Entry<String, Double> document : documents.entrySet()) {
                Double ms = others.getOrDefault(repetition, Map.of()).get(document.getKey());
                if (ms != null) {
                  mine += document.getValue();
                  theirs += ms;
                }
              }
              if (mine > 0) {
                ratios.add(theirs / mine);
              }
            });
    return ratios.isEmpty() ? null : Interval.geometricMean(ratios);
  }

  /** Milliseconds by repetition and document. */
  private SortedMap<Integer, Map<String, Double>> prefills() {
    SortedMap<Integer, Map<String, Double>> prefills = new TreeMap<>();
    for (SpeedRow row : rows) {
      prefills
          .computeIfAbsent(row.repetition(), none -> new TreeMap<>())
          .put(row.docId(), row.times().prefillMs());
    }
    return prefills;
  }

  double tpotMs() {
    return sum(rows, row -> row.times().decodeMs()) / sum(rows, row -> row.load().newTokens() - 1);
  }

  double prefillThroughput() {
    return sum(rows, row -> row.load().documentTokens())
        / (sum(rows, row -> row.times().prefillMs()) / MS_PER_S);
  }

  double questionThroughput() {
    return sum(rows, row -> row.times().questionTokens())
        / (sum(rows, row -> row.times().questionMs()) / MS_PER_S);
  }

  double documentsPerHour() {
    return rows.size() * MS_PER_HOUR / totalMs();
  }

  double documentsPerHourCeiling() {
    return rows.size() * MS_PER_HOUR / sum(rows, row -> row.times().prefillMs());
  }

  double deviceHoursPerBillionTokens() {
    double tokens =
        sum(
            rows,
            row ->
                row.load().documentTokens()
                    + row.times().questionTokens()
                    + (double) row.load().batch() * row.load().newTokens());
    return totalMs() / MS_PER_HOUR / tokens * BILLION;
  }

  double kvReadShare() {
    return sum(rows, row -> row.reads().kvBytesRead())
        / sum(rows, row -> row.reads().kvBytesDense());
  }

  /** Mean per document, for the picture of where time goes. */
  double meanMs(ToDoubleFunction<SpeedRow> part) {
    return sum(rows, part) / rows.size();
  }

  private double totalMs() {
    return sum(
        rows, row -> row.times().prefillMs() + row.times().questionMs() + row.times().decodeMs());
  }

  private static double sum(List<SpeedRow> rows, ToDoubleFunction<SpeedRow> part) {
    return rows.stream().mapToDouble(part).sum();
  }
}
