package dev.questspark.job.report;

import dev.questspark.job.eval.rows.QualityRow;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.ToLongFunction;

/** The answers of one policy, summed up and compared with dense attention question by question. */
final class QualitySummary {
  private final List<QualityRow> rows;
  private final Map<String, Double> denseScores = new HashMap<>();
  private final Map<String, Double> denseLosses = new HashMap<>();

  /**
   * @param rows of one policy
   * @param dense of dense attention
   */
  QualitySummary(List<QualityRow> rows, List<QualityRow> dense) {
    this.rows = rows;
    for (QualityRow row : dense) {
      if (row.answer().score() != null) {
        denseScores.put(question(row), row.answer().score());
      }
      if (row.text().negLogLikelihood() != null) {
        denseLosses.put(question(row), loss(row));
      }
    }
  }

  /** Per token. */
  private static double loss(QualityRow row) {
    return row.text().negLogLikelihood() / row.tokens().completionTokens();
  }

  private static String question(QualityRow row) {
    return row.question().docId() + "\n" + row.question().questionId();
  }

  int questions() {
    return rows.size();
  }

  int errors() {
    return (int) rows.stream().filter(row -> row.outcome().failed()).count();
  }

  /** Null without a scored question. */
  Interval score() {
    List<Double> scores =
        rows.stream().map(row -> row.answer().score()).filter(Objects::nonNull).toList();
    return scores.isEmpty() ? null : Interval.scores(scores);
  }

  /** Paired by question, so that hard questions do not widen it. Null without pairs. */
  Interval scoreMinusDense() {
    List<Double> differences = new ArrayList<>();
    for (QualityRow row : rows) {
      Double dense = denseScores.get(question(row));
      if (row.answer().score() != null && dense != null) {
        differences.add(row.answer().score() - dense);
      }
    }
    return differences.isEmpty() ? null : Interval.paired(differences);
  }

  Double textAgreement() {
    List<Double> agreements =
        rows.stream()
            .map(row -> row.answer().agreesWithDense())
            .filter(Objects::nonNull)
            .map(agrees -> agrees ? 1.0 : 0.0)
            .toList();
    return agreements.isEmpty() ? null : Interval.average(agreements);
  }

  Double tokenAgreement() {
    List<Double> agreements =
        rows.stream().map(row -> row.answer().tokenAgreement()).filter(Objects::nonNull).toList();
    return agreements.isEmpty() ? null : Interval.average(agreements);
  }

  /**
   * Over all tokens; the interval comes from the spread of the texts' means. Null without texts.
   */
  Interval perplexity() {
    List<QualityRow> texts =
        rows.stream().filter(row -> row.text().negLogLikelihood() != null).toList();
    if (texts.isEmpty()) {
      return null;
    }
    double sum = texts.stream().mapToDouble(row -> row.text().negLogLikelihood()).sum();
    long tokens = texts.stream().mapToLong(row -> row.tokens().completionTokens()).sum();
    Interval perText = Interval.mean(texts.stream().map(QualitySummary::loss).toList());
    double mean = sum / tokens;
    if (perText.low() == null) {
      return new Interval(mean, null, null).exp();
    }
    return new Interval(
            mean, mean - perText.mean() + perText.low(), mean - perText.mean() + perText.high())
        .exp();
  }

  /** Geometric mean of the texts' ratios, paired by text. Null without pairs. */
  Interval perplexityOverDense() {
    List<Double> differences = new ArrayList<>();
    for (QualityRow row : rows) {
      Double dense = denseLosses.get(question(row));
      if (row.text().negLogLikelihood() != null && dense != null) {
        differences.add(loss(row) - dense);
      }
    }
    if (differences.isEmpty()) {
      return null;
    }
    return Interval.mean(differences).exp();
  }

  /** Mean over windows in nats, each held against dense attention on its own text. Null without. */
  Interval kl() {
    List<Double> windows =
        rows.stream().map(row -> row.text().kl()).filter(Objects::nonNull).toList();
    return windows.isEmpty() ? null : Interval.mean(windows).within(0, Double.POSITIVE_INFINITY);
  }

  /** Mean over windows of the share of rows. Null without windows. */
  Interval sameArgmax() {
    List<Double> windows =
        rows.stream().map(row -> row.text().sameArgmax()).filter(Objects::nonNull).toList();
    return windows.isEmpty() ? null : Interval.mean(windows).within(0, 1);
  }

  /** Bytes of the KV cache read per decode step of one row; null without a step. */
  Double kvBytesPerToken() {
    long read = 0;
    long steps = 0;
    for (QualityRow row : rows) {
      if (row.reads().kvBytesRead() != null) {
        read += row.reads().kvBytesRead();
        steps += row.reads().sparseSteps() + row.reads().denseSteps();
      }
    }
    return steps == 0 ? null : (double) read / steps;
  }

  /** Tokens attended per decode step, layer and KV head. Null without a step. */
  Double kvTokensMean() {
    double tokens = 0;
    long steps = 0;
    for (QualityRow row : rows) {
      if (row.reads().kvTokensMean() != null) {
        long ofRow = (long) row.reads().sparseSteps() + row.reads().denseSteps();
        tokens += row.reads().kvTokensMean() * ofRow;
        steps += ofRow;
      }
    }
    return steps == 0 ? null : tokens / steps;
  }

  /** Rows read to choose what is kept, over prompt tokens; null where nothing is chosen. */
  Double readShare() {
    return choosing() ? ofPrompts(row -> row.tokens().readTokens()) : null;
  }

  /** Prompt tokens whose KV is stored, over all; null where nothing is chosen. */
  Double keptShare() {
    return choosing() ? ofPrompts(row -> row.tokens().keptTokens()) : null;
  }

  private boolean choosing() {
    return rows.stream()
        .map(QualityRow::tokens)
        .anyMatch(
            row ->
                row.keptTokens() != null
                    && (row.readTokens() > 0 || row.keptTokens() < row.promptTokens()));
  }

  private double ofPrompts(ToLongFunction<QualityRow> tokens) {
    List<QualityRow> answered =
        rows.stream().filter(row -> row.tokens().keptTokens() != null).toList();
    return (double) answered.stream().mapToLong(tokens).sum()
        / answered.stream().mapToLong(row -> row.tokens().promptTokens()).sum();
  }

  /** Blocks that the documents' prefill computed, of what dense attention computes. */
  Double prefillDensity() {
    long total = 0;
    long computed = 0;
    for (QualityRow row : rows) {
      if (row.prefill().prefillBlocksTotal() != null) {
        total += row.prefill().prefillBlocksTotal();
        computed += row.prefill().prefillBlocksComputed();
      }
    }
    return total == 0 ? null : (double) computed / total;
  }

  /** Bytes of the documents' pages for each token of their prompts. */
  Double storedBytesPerToken() {
    long bytes = 0;
    long tokens = 0;
    for (QualityRow row : rows) {
      if (row.prefill().kvBytesDocument() != null) {
        bytes += row.prefill().kvBytesDocument();
        tokens += row.tokens().promptTokens();
      }
    }
    return tokens == 0 ? null : (double) bytes / tokens;
  }

  Double kvReadShare() {
    long read = 0;
    long dense = 0;
    for (QualityRow row : rows) {
      if (row.reads().kvBytesDense() != null) {
        read += row.reads().kvBytesRead();
        dense += row.reads().kvBytesDense();
      }
    }
    return dense == 0 ? null : (double) read / dense;
  }
}
