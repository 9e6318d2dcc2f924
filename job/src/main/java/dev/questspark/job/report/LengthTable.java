package dev.questspark.job.report;

import dev.questspark.job.answer.PolicyColumns;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The score of every policy at every prompt length, and its difference from dense attention on
 * documents kept whole, question by question, each with its 95 % interval; for suites of several
 * lengths.
 */
final class LengthTable {
  private static final List<String> HEADER =
      List.of(
          PolicyColumns.POLICY,
          PolicyColumns.CACHE_POLICY,
          "prompt tokens",
          "questions",
          "score",
          "95 %",
          "against dense",
          "95 %");

  private LengthTable() {}

  /** The header and a line per length and policy; empty where there is nothing to compare. */
  static List<List<String>> lines(Measurements measurements) {
    List<Integer> lengths = measurements.lengths();
    if (lengths.size() < 2 || !measurements.scored()) {
      return List.of();
    }
    List<List<String>> lines = new ArrayList<>(List.of(HEADER));
    for (int length : lengths) {
      for (Policy policy : measurements.policies()) {
        QualitySummary answers = measurements.quality(policy, length);
        if (answers.score() != null) {
          lines.add(line(policy, length, answers));
        }
      }
    }
    return lines;
  }

  private static List<String> line(Policy policy, int length, QualitySummary answers) {
    Interval score = answers.score();
    Interval difference = policy.reference() ? null : answers.scoreMinusDense();
    return List.of(
        policy.text(),
        policy.cachePolicy(),
        String.valueOf(length),
        String.valueOf(answers.questions()),
        Format.percent(score.mean()),
        score.low() == null
            ? "-"
            : Format.percent(score.low()) + " to " + Format.percent(score.high()),
        difference == null ? "-" : Format.points(difference.mean()),
        difference == null || difference.low() == null
            ? "-"
            : Format.points(difference.low()) + " to " + Format.points(difference.high()));
  }

  /** For the console, ending with a line break; empty where there is nothing to compare. */
  static String text(Measurements measurements) {
    List<List<String>> lines = lines(measurements);
    return lines.isEmpty() ? "" : NumbersTable.aligned(lines);
  }

  /** As an HTML table; empty where there is nothing to compare. */
  static String html(Measurements measurements) {
    List<List<String>> lines = lines(measurements);
    return lines.isEmpty()
        ? ""
        : "<table id=\"lengths\"><thead>"
            + row("th", lines.get(0))
            + "</thead><tbody>"
            + lines.stream().skip(1).map(line -> row("td", line)).collect(Collectors.joining())
            + "</tbody></table>";
  }

  private static String row(String cell, List<String> values) {
    return values.stream()
        .map(value -> "<" + cell + ">" + Format.html(value) + "</" + cell + ">")
        .collect(Collectors.joining("", "<tr>", "</tr>"));
  }
}
