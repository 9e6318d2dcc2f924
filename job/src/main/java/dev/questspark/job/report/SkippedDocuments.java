package dev.questspark.job.report;

import dev.questspark.job.eval.rows.QualityRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/** What the numbers do not cover: answers that are errors, documents that were not read whole. */
final class SkippedDocuments {
  private SkippedDocuments() {}

  /**
   * One sentence about each kind; none when every question was answered over its whole document.
   */
  static List<String> sentences(List<QualityRow> quality) {
    List<String> sentences = new ArrayList<>();
    errors(quality).ifPresent(sentences::add);
    cuts(quality).ifPresent(sentences::add);
    return sentences;
  }

  private static Optional<String> errors(List<QualityRow> quality) {
    List<QualityRow> errors = quality.stream().filter(SkippedDocuments::failed).toList();
    if (errors.isEmpty()) {
      return Optional.empty();
    }
    Map<String, Long> codes =
        errors.stream()
            .collect(
                Collectors.groupingBy(
                    row -> String.valueOf(row.outcome().errorCode()),
                    TreeMap::new,
                    Collectors.counting()));
    return Optional.of(
        errors.size()
            + " of "
            + quality.size()
            + " answers are errors and have no score ("
            + codes.entrySet().stream()
                .map(code -> code.getKey() + " " + code.getValue())
                .collect(Collectors.joining(", "))
            + "), such as that of "
            + errors.get(0).question().docId()
            + ": "
            + errors.get(0).outcome().errorMessage()
            + ".");
  }

  private static boolean failed(QualityRow row) {
    return row.outcome().failed();
  }

  private static Optional<String> cuts(List<QualityRow> quality) {
    Map<String, Integer> dropped =
        quality.stream()
            .filter(row -> row.tokens().droppedTokens() > 0)
            .collect(
                Collectors.toMap(
                    row -> row.question().docId(),
                    row -> row.tokens().droppedTokens(),
                    Math::max,
                    TreeMap::new));
    if (dropped.isEmpty()) {
      return Optional.empty();
    }
    long documents = quality.stream().map(row -> row.question().docId()).distinct().count();
    return Optional.of(
        dropped.size()
            + " of "
            + documents
            + " documents did not fit into max_model_len and lost their middle, "
            + dropped.values().stream().mapToLong(Integer::longValue).sum()
            + " tokens in all; their scores are of what was left (dropped_tokens in quality/)."
            + (quality.get(0).question().suite().equals("longbench")
                ? " LongBench's own protocol cuts so, unless on_too_long is given."
                : ""));
  }
}
