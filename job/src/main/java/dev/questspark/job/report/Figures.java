package dev.questspark.job.report;

import dev.questspark.job.eval.QualityRow;
import dev.questspark.job.eval.SelectionRow;
import dev.questspark.job.eval.SpeedRow;
import dev.questspark.job.report.XyPlot.Point;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.DoubleFunction;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The pictures of a page; those that the run has no measurements for are left out. */
final class Figures {
  private final Measurements measurements;

  /** A picture with its title and the sentence under it. */
  record Figure(String title, String note, String svg) {}

  Figures(Measurements measurements) {
    this.measurements = measurements;
  }

  List<Figure> all() {
    List<Figure> figures = new ArrayList<>();
    boolean budgets = measurements.policies().stream().anyMatch(policy -> !policy.dense());
    if (measurements.timed() && budgets) {
      figures.add(
          new Figure(
              "Decode throughput by KV budget",
              "Generated tokens per second, one policy at a time at a full batch; geometric mean over repetitions. "
                  + throughputInterval(),
              byBudget(
                  PolicySummary::decodeThroughput,
                  "tokens per second",
                  Format::number,
                  Figures::fromZero)));
    }
    if (measurements.scored() && budgets) {
      figures.add(
          new Figure(
              "Score by KV budget",
              "Mean score over all questions. Bars and band: 95 % interval (Wilson's for right-or-wrong scores).",
              byBudget(
                  PolicySummary::score,
                  "score",
                  share -> Math.round(100 * share) + " %",
                  Figures::shares)));
    }
    if (measurements.perplexity() && budgets) {
      figures.add(
          new Figure(
              "Perplexity over dense by KV budget",
              "1 is dense attention, where the axis begins. Each text is fed token by token through the selector; 95 % interval over texts, paired.",
              byBudget(
                  PolicySummary::perplexityOverDense,
                  "perplexity over dense",
                  ratio -> String.format(Locale.ROOT, "%.3f", ratio),
                  Figures::fromOne)));
    }
    if (measurements.timed() && measurements.scored()) {
      figures.add(
          new Figure(
              "Speed against quality",
              "Each point is one policy, its budget beside it; up and to the right is better.",
              pareto()));
    }
    if (measurements.timed()) {
      figures.add(
          new Figure(
              "Time per token against context",
              "Decode step time by prompt length, each document's mean over repetitions; lines end at their budget.",
              byContext()));
      figures.add(
          new Figure(
              "Where a document's time goes",
              "Mean per document: dense prefill (the same work for every policy), questions, then the answers' decode steps.",
              timeParts()));
    }
    if (measurements.summaries.stream().anyMatch(summary -> summary.kvReadShare() != null)) {
      figures.add(
          new Figure(
              "Share of the KV cache read",
              "Bytes of keys, values and digests read in decode steps, over what dense attention reads.",
              readShare()));
    }
    if (!measurements.selection.isEmpty()) {
      figures.add(
          new Figure(
              "Attention mass kept",
              "Dense attention's softmax weight that stands on the kept pages, all layers sparse. "
                  + watched()
                  + ".",
              byBudget(
                  PolicySummary::attentionMass,
                  "attention mass",
                  share -> Math.round(100 * share) + " %",
                  Figures::shares)));
    }
    long lengths =
        measurements.quality.stream()
            .map(QualityRow::lengthTokens)
            .filter(length -> length != null)
            .distinct()
            .count();
    if (lengths > 1 && measurements.scored()) {
      figures.add(
          new Figure(
              "Score by prompt length", "One line per policy. Bars: 95 % interval.", byLength()));
    }
    return figures;
  }

  /** Needle pictures by policy name. */
  Map<String, String> heatmaps() {
    Map<String, String> maps = new LinkedHashMap<>();
    for (Policy policy : measurements.policies()) {
      List<QualityRow> rows = measurements.quality(policy);
      if (Heatmap.suits(rows)) {
        maps.put(name(policy), Heatmap.needle(name(policy), rows));
      }
    }
    return maps;
  }

  /** Pictures by policy name of the mass that each family's smallest budget keeps. */
  Map<String, String> layerMaps() {
    Map<String, String> maps = new LinkedHashMap<>();
    Set<String> seen = new HashSet<>();
    for (Policy policy : measurements.policies()) {
      List<SelectionRow> rows = measurements.selection(policy);
      if (!rows.isEmpty() && seen.add(policy.selector() + policy.pageScore())) {
        maps.put(name(policy), Heatmap.layers(name(policy), rows));
      }
    }
    return maps;
  }

  private String watched() {
    long documents = measurements.selection.stream().map(SelectionRow::docId).distinct().count();
    String told = documents + (documents == 1 ? " document" : " documents");
    return documents < Interval.LEAST_VALUES
        ? "Of " + told + ", too few for an interval"
        : "Bars: 95 % interval over " + told;
  }

  static String name(Policy policy) {
    return policy.dense() ? "dense" : policy.family() + " " + policy.budget();
  }

  private int colour(Policy policy) {
    return measurements.families().indexOf(policy.family());
  }

  private static Scale fromZero(double lowest, double largest) {
    return Scale.fromZero(largest, XyPlot.INNER_HEIGHT);
  }

  private static Scale fromOne(double lowest, double largest) {
    return Scale.between(Math.min(1, lowest), largest, XyPlot.INNER_HEIGHT);
  }

  private static Scale shares(double lowest, double largest) {
    return Scale.shares(XyPlot.INNER_HEIGHT);
  }

  private String throughputInterval() {
    int repetitions =
        measurements.summaries.stream().mapToInt(PolicySummary::repetitions).max().orElse(0);
    return repetitions < Interval.LEAST_VALUES
        ? "No interval: --repetitions "
            + repetitions
            + " says too little of the spread, "
            + Interval.LEAST_VALUES
            + " are the least."
        : "Bars and band: 95 % interval over repetitions (Student's t of the logarithms).";
  }

  private static double bound(Double bound, Interval interval) {
    return bound == null ? interval.mean() : bound;
  }

  private String byBudget(
      Function<PolicySummary, Interval> value,
      String label,
      DoubleFunction<String> text,
      BiFunction<Double, Double, Scale> scale) {
    List<PolicySummary> known =
        measurements.summaries.stream().filter(summary -> value.apply(summary) != null).toList();
    List<PolicySummary> sparse =
        known.stream().filter(summary -> !summary.policy().dense()).toList();
    double least = sparse.stream().mapToInt(summary -> summary.policy().kvBudget()).min().orElse(1);
    double most = sparse.stream().mapToInt(summary -> summary.policy().kvBudget()).max().orElse(1);
    double lowest =
        known.stream()
            .mapToDouble(it -> bound(value.apply(it).low(), value.apply(it)))
            .min()
            .orElse(0);
    double largest =
        known.stream()
            .mapToDouble(it -> bound(value.apply(it).high(), value.apply(it)))
            .max()
            .orElse(1);
    XyPlot plot =
        new XyPlot(
            Scale.octaves(least, most, XyPlot.INNER_WIDTH),
            "KV budget (tokens)",
            Format::number,
            scale.apply(lowest, largest),
            label,
            text);
    for (PolicySummary summary : known) {
      if (summary.policy().dense()) {
        plot.level(
            0,
            value.apply(summary).mean(),
            value.apply(summary).low(),
            value.apply(summary).high(),
            "dense: " + text.apply(value.apply(summary).mean()));
      }
    }
    sparse.stream()
        .collect(
            Collectors.groupingBy(
                summary -> summary.policy().family(), LinkedHashMap::new, Collectors.toList()))
        .values()
        .forEach(
            family ->
                plot.line(
                    colour(family.get(0).policy()),
                    family.stream()
                        .map(
                            summary ->
                                new Point(
                                    summary.policy().kvBudget(),
                                    value.apply(summary).mean(),
                                    value.apply(summary).low(),
                                    value.apply(summary).high(),
                                    "",
                                    name(summary.policy())
                                        + ": "
                                        + text.apply(value.apply(summary).mean())))
                        .toList()));
    return plot.svg(label + " by KV budget");
  }

  private String pareto() {
    double fastest =
        measurements.summaries.stream()
            .mapToDouble(summary -> summary.decodeThroughput().mean())
            .max()
            .orElse(1);
    XyPlot plot =
        new XyPlot(
            Scale.fromZero(fastest, XyPlot.INNER_WIDTH),
            "decode tokens per second",
            Format::number,
            Scale.shares(XyPlot.INNER_HEIGHT),
            "score",
            share -> Math.round(100 * share) + " %");
    for (PolicySummary summary : measurements.summaries) {
      if (summary.score() != null) {
        plot.points(
            colour(summary.policy()),
            List.of(
                new Point(
                    summary.decodeThroughput().mean(),
                    summary.score().mean(),
                    summary.score().low(),
                    summary.score().high(),
                    summary.policy().budget(),
                    name(summary.policy()))));
      }
    }
    return plot.svg("decode throughput against score");
  }

  private String byContext() {
    double longest =
        measurements.speed.stream().mapToDouble(SpeedRow::promptTokens).max().orElse(1);
    double shortest =
        measurements.speed.stream().mapToDouble(SpeedRow::promptTokens).min().orElse(1);
    double slowest =
        measurements.speed.stream()
            .mapToDouble(row -> row.decodeMs() / (row.newTokens() - 1))
            .max()
            .orElse(1);
    XyPlot plot =
        new XyPlot(
            Scale.octaves(shortest, longest, XyPlot.INNER_WIDTH),
            "prompt tokens",
            Format::number,
            Scale.fromZero(slowest, XyPlot.INNER_HEIGHT),
            "ms per decode step",
            Format::number);
    for (Policy policy : measurements.policies()) {
      List<Point> points = new ArrayList<>();
      measurements.speed(policy).stream()
          .collect(Collectors.groupingBy(SpeedRow::docId))
          .values()
          .forEach(rows -> points.add(stepTime(policy, rows)));
      points.sort((a, b) -> Double.compare(a.x(), b.x()));
      if (!points.isEmpty()) {
        Point last = points.remove(points.size() - 1);
        points.add(
            new Point(last.x(), last.y(), last.low(), last.high(), policy.budget(), last.tip()));
        plot.line(colour(policy), points);
      }
    }
    return plot.svg("time per decode step against prompt length");
  }

  private static Point stepTime(Policy policy, List<SpeedRow> rows) {
    Interval time =
        Interval.mean(rows.stream().map(row -> row.decodeMs() / (row.newTokens() - 1)).toList());
    return new Point(
        rows.get(0).promptTokens(),
        time.mean(),
        null,
        null,
        "",
        name(policy) + ", " + rows.get(0).docId() + ": " + Format.number(time.mean()) + " ms");
  }

  private String timeParts() {
    BarPlot plot = new BarPlot("milliseconds per document", Format::number);
    for (Policy policy : measurements.policies()) {
      if (!measurements.speed(policy).isEmpty()) {
        SpeedSummary speed = new SpeedSummary(measurements.speed(policy));
        plot.bar(
            name(policy),
            List.of(
                part("prefill", speed.meanMs(SpeedRow::prefillMs)),
                part("question", speed.meanMs(SpeedRow::questionMs)),
                part("decode", speed.meanMs(SpeedRow::decodeMs))));
      }
    }
    return plot.svg("time per document by part");
  }

  private static BarPlot.Part part(String name, double ms) {
    return new BarPlot.Part("part " + name, ms, name + ": " + Format.number(ms) + " ms");
  }

  private String readShare() {
    BarPlot plot = new BarPlot("share of dense attention's bytes", Format::percent);
    for (PolicySummary summary : measurements.summaries) {
      if (summary.kvReadShare() != null) {
        plot.bar(
            name(summary.policy()),
            List.of(
                new BarPlot.Part(
                    "fill c" + colour(summary.policy()),
                    summary.kvReadShare(),
                    Format.percent(summary.kvReadShare()))));
      }
    }
    return plot.svg("share of KV bytes read");
  }

  private String byLength() {
    List<Integer> lengths =
        measurements.quality.stream().map(QualityRow::lengthTokens).distinct().sorted().toList();
    XyPlot plot =
        new XyPlot(
            Scale.octaves(lengths.get(0), lengths.get(lengths.size() - 1), XyPlot.INNER_WIDTH),
            "prompt tokens",
            Format::number,
            Scale.shares(XyPlot.INNER_HEIGHT),
            "score",
            share -> Math.round(100 * share) + " %");
    for (Policy policy : measurements.policies()) {
      List<Point> points = new ArrayList<>();
      for (int length : lengths) {
        List<Double> scores =
            measurements.quality(policy).stream()
                .filter(row -> row.lengthTokens() == length && row.score() != null)
                .map(QualityRow::score)
                .toList();
        if (!scores.isEmpty()) {
          Interval score = Interval.scores(scores);
          boolean last = length == lengths.get(lengths.size() - 1);
          points.add(
              new Point(
                  length,
                  score.mean(),
                  score.low(),
                  score.high(),
                  last ? policy.budget() : "",
                  name(policy) + " at " + length + ": " + Format.percent(score.mean())));
        }
      }
      plot.line(colour(policy), points);
    }
    return plot.svg("score by prompt length");
  }
}
