package dev.questspark.job.report;

import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.SelectionRow;
import dev.questspark.job.eval.rows.SpeedRow;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.DoubleFunction;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.DoubleStream;

/** The pictures of a page; those that the run has no measurements for are left out. */
final class Figures {
  private static final double KIB = 1024;

  /** That the style sheet has. */
  private static final int COLOURS = 8;

  private final Measurements measurements;

  /** A picture with its title and the sentence under it. */
  record Figure(String title, String note, Plot plot) {}

  /**
   * A point of an {@code xy} plot.
   *
   * @param series points of one series are joined in their order, if at all
   * @param colour number of the policy's family
   * @param label written beside the point, where there is room; empty for none
   * @param tip shown on hover
   */
  record Point(
      String series, int colour, boolean joined, double x, Interval y, String label, String tip) {}

  /** A value that holds for all x, with its interval as a band. */
  record Level(int colour, Interval y, String tip) {}

  /** A value that the y axis shows. */
  record Anchor(Interval y) {
    Anchor(double y) {
      this(new Interval(y, null, null));
    }
  }

  /**
   * A part of a bar; the parts of a bar stand end to end.
   *
   * @param fill a colour of CSS
   * @param interval a line over the bar, which then has no other part; null for none
   */
  record Part(String bar, String fill, double value, Interval interval, String tip) {}

  /**
   * How a number is written and what its axis shows.
   *
   * @param format number, percent or ratio: the template's word for {@code text}
   * @param shows values that the axis includes
   */
  record Axis(String title, String format, DoubleFunction<String> text, List<Anchor> shows) {
    static Axis numbers(String title) {
      return new Axis(title, "number", Format::number, List.of(new Anchor(0)));
    }

    /** From nothing to all, with room above for marks at all. */
    static Axis shares(String title) {
      return new Axis(
          title,
          "percent",
          share -> Math.round(100 * share) + " %",
          List.of(new Anchor(0), new Anchor(1.1)));
    }

    /** From 1; never without extent. */
    static Axis ratios(String title) {
      return new Axis(
          title,
          "ratio",
          ratio -> String.format(Locale.ROOT, "%.3f", ratio),
          List.of(new Anchor(1), new Anchor(1.001)));
    }
  }

  Figures(Measurements measurements) {
    this.measurements = measurements;
  }

  List<Figure> all() {
    List<Figure> figures = new ArrayList<>();
    boolean budgets = measurements.policies().stream().anyMatch(policy -> !policy.dense());
    CacheFigures cacheFigures = new CacheFigures(measurements);
    if (measurements.timed() && budgets) {
      figures.add(
          new Figure(
              "Decode throughput by KV budget",
              "Generated tokens per second, one policy at a time at a full batch; geometric mean over repetitions. "
                  + throughputInterval(),
              byBudget(PolicySummary::decodeThroughput, Axis.numbers("tokens per second"))));
    }
    if (measurements.scored() && budgets) {
      figures.add(
          new Figure(
              "Score by KV budget",
              "Mean score over all questions. Bars and band: 95 % interval (Wilson's for right-or-wrong scores).",
              byBudget(PolicySummary::score, Axis.shares("score"))));
    }
    if (measurements.perplexity() && budgets) {
      figures.add(
          new Figure(
              "Perplexity over dense by KV budget",
              "1 is dense attention, where the axis begins. Each text is fed token by token through the selector; 95 % interval over texts, paired.",
              byBudget(PolicySummary::perplexityOverDense, Axis.ratios("perplexity over dense"))));
    }
    if (measurements.diverged() && budgets) {
      figures.add(
          new Figure(
              "KL from dense by KV budget",
              "KL(dense || policy) of the next token's distribution, mean over the windows' rows; 0 is dense attention. Bars: 95 % interval over windows.",
              byBudget(PolicySummary::kl, Axis.numbers("KL (nats)"))));
      figures.add(
          new Figure(
              "KL from dense by bytes read",
              "The same against the KV bytes, digests included, that a row reads; down and to the left is better.",
              byBytesRead()));
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
              measurements.comparesCachePolicies()
                  ? "Mean per document: prefill (anew for every cache policy), questions, then the answers' decode steps."
                  : "Mean per document: dense prefill (the same work for every policy), questions, then the answers' decode steps.",
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
              byBudget(PolicySummary::attentionMass, Axis.shares("attention mass"))));
    }
    figures.addAll(cacheFigures.all());
    if (measurements.lengths().size() > 1 && measurements.scored()) {
      figures.add(
          new Figure(
              "Score by prompt length", "One line per policy. Bars: 95 % interval.", byLength()));
    }
    return figures;
  }

  /** Needle pictures by policy name. */
  Map<String, Plot> heatmaps() {
    Map<String, Plot> maps = new LinkedHashMap<>();
    for (Policy policy : measurements.policies()) {
      List<QualityRow> rows = measurements.quality(policy);
      if (HeatMaps.suits(rows)) {
        maps.put(name(policy), HeatMaps.needle(name(policy), rows));
      }
    }
    return maps;
  }

  /** Pictures by policy name of the mass that each family's smallest budget keeps. */
  Map<String, Plot> layerMaps() {
    Map<String, Plot> maps = new LinkedHashMap<>();
    Set<String> seen = new HashSet<>();
    for (Policy policy : measurements.policies()) {
      List<SelectionRow> rows = measurements.selection(policy);
      if (!rows.isEmpty() && seen.add(policy.read().unwrapped().family())) {
        maps.put(name(policy), HeatMaps.layers(name(policy), rows));
      }
    }
    return maps;
  }

  private String watched() {
    long documents =
        measurements.selection.stream().map(row -> row.question().docId()).distinct().count();
    String told = documents + (documents == 1 ? " document" : " documents");
    return documents < Interval.LEAST_VALUES
        ? "Of " + told + ", too few for an interval"
        : "Bars: 95 % interval over " + told;
  }

  static String name(Policy policy) {
    return policy.label();
  }

  private int colour(Policy policy) {
    return colour(measurements, policy);
  }

  static int colour(Measurements measurements, Policy policy) {
    return colour(measurements.families().indexOf(policy.family()));
  }

  /** Of the nth family, from 0. The first has its own; those of the others come again. */
  static int colour(int family) {
    return family == 0 ? 0 : 1 + (family - 1) % (COLOURS - 1);
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

  /** Over a base 2 logarithm that is a half octave wider than the values on each side. */
  static Plot overOctaves(String description, String xTitle, Axis y, List<Point> points) {
    double least = points.stream().mapToDouble(Point::x).min().orElse(1) / Math.sqrt(2);
    double most = points.stream().mapToDouble(Point::x).max().orElse(1) * Math.sqrt(2);
    List<Double> ticks =
        DoubleStream.iterate(1, tick -> tick <= most, tick -> 2 * tick)
            .filter(tick -> tick >= least)
            .boxed()
            .toList();
    return plot(description, xTitle, y, points)
        .signal("xTicks", ticks)
        .scale("x", Map.of("type", "log", "base", 2, "domain", List.of(least, most)));
  }

  private static Plot plot(String description, String xTitle, Axis y, List<Point> points) {
    return new Plot("xy", description)
        .signal("xTitle", xTitle)
        .signal("yTitle", y.title())
        .signal("yFormat", y.format())
        .data("anchors", y.shows())
        .data("points", points);
  }

  private Plot byBudget(Function<PolicySummary, Interval> value, Axis axis) {
    List<Level> levels = new ArrayList<>();
    List<Point> points = new ArrayList<>();
    for (PolicySummary summary : measurements.summaries) {
      Interval y = value.apply(summary);
      if (y == null) {
        continue;
      }
      Policy policy = summary.policy();
      String tip = name(policy) + ": " + axis.text().apply(y.mean());
      if (policy.kvBudget() == null) {
        levels.add(new Level(colour(policy), y, tip));
      } else {
        points.add(new Point(policy.family(), colour(policy), true, policy.kvBudget(), y, "", tip));
      }
    }
    return overOctaves(axis.title() + " by KV budget", "KV budget (tokens)", axis, points)
        .data("levels", levels);
  }

  private Plot byBytesRead() {
    List<Point> points = new ArrayList<>();
    for (PolicySummary summary : measurements.summaries) {
      if (summary.kl() != null && summary.kvBytesPerToken() != null) {
        Policy policy = summary.policy();
        double kib = summary.kvBytesPerToken() / KIB;
        points.add(
            new Point(
                policy.family(),
                colour(policy),
                true,
                kib,
                summary.kl(),
                policy.mark(),
                String.format(
                    Locale.ROOT,
                    "%s: KL %.4f, %s KiB",
                    name(policy),
                    summary.kl().mean(),
                    Format.number(kib))));
      }
    }
    return overOctaves(
        "KL by bytes read", "KV read per row (KiB)", Axis.numbers("KL (nats)"), points);
  }

  private Plot pareto() {
    List<Point> points = new ArrayList<>();
    for (PolicySummary summary : measurements.summaries) {
      if (summary.score() != null && summary.decodeThroughput() != null) {
        Policy policy = summary.policy();
        points.add(
            new Point(
                policy.family(),
                colour(policy),
                false,
                summary.decodeThroughput().mean(),
                summary.score(),
                policy.mark(),
                name(policy)));
      }
    }
    double fastest = points.stream().mapToDouble(Point::x).max().orElse(1);
    return plot(
            "decode throughput against score",
            "decode tokens per second",
            Axis.shares("score"),
            points)
        .scale("x", Map.of("type", "linear", "nice", 6, "domain", List.of(0, fastest)));
  }

  private Plot byContext() {
    List<Point> points = new ArrayList<>();
    for (Policy policy : measurements.policies()) {
      List<List<SpeedRow>> documents =
          measurements.speed(policy).stream()
              .collect(Collectors.groupingBy(SpeedRow::docId))
              .values()
              .stream()
              .sorted(Comparator.comparingDouble(rows -> rows.get(0).load().promptTokens()))
              .toList();
      for (int i = 0; i < documents.size(); i++) {
        points.add(stepTime(policy, documents.get(i), i == documents.size() - 1));
      }
    }
    return overOctaves(
        "time per decode step against prompt length",
        "prompt tokens",
        Axis.numbers("ms per decode step"),
        points);
  }

  /**
   * Of one document, mean over repetitions.
   *
   * @param last the line's end, which has the label
   */
  private Point stepTime(Policy policy, List<SpeedRow> rows, boolean last) {
    double ms =
        Interval.average(
            rows.stream()
                .map(row -> row.times().decodeMs() / (row.load().newTokens() - 1))
                .toList());
    return new Point(
        name(policy),
        colour(policy),
        true,
        rows.get(0).load().promptTokens(),
        new Interval(ms, null, null),
        last ? policy.mark() : "",
        name(policy) + ", " + rows.get(0).docId() + ": " + Format.number(ms) + " ms");
  }

  private Plot timeParts() {
    List<Part> parts = new ArrayList<>();
    for (Policy policy : measurements.policies()) {
      if (!measurements.speed(policy).isEmpty()) {
        SpeedSummary speed = new SpeedSummary(measurements.speed(policy));
        parts.add(part(policy, "prefill", speed.meanMs(row -> row.times().prefillMs())));
        parts.add(part(policy, "question", speed.meanMs(row -> row.times().questionMs())));
        parts.add(part(policy, "decode", speed.meanMs(row -> row.times().decodeMs())));
      }
    }
    return bars("time per document by part", "milliseconds per document", "number", parts);
  }

  private static Part part(Policy policy, String name, double ms) {
    return new Part(
        name(policy), "var(--" + name + ")", ms, null, name + ": " + Format.number(ms) + " ms");
  }

  private Plot readShare() {
    List<Part> parts = new ArrayList<>();
    for (PolicySummary summary : measurements.summaries) {
      Double share = summary.kvReadShare();
      if (share != null) {
        Policy policy = summary.policy();
        parts.add(
            new Part(
                name(policy),
                "var(--c" + colour(policy) + ")",
                share,
                null,
                Format.percent(share)));
      }
    }
    return bars("share of KV bytes read", "share of dense attention's bytes", "percent", parts);
  }

  static Plot bars(String description, String xTitle, String xFormat, List<Part> parts) {
    return new Plot("bars", description)
        .signal("xTitle", xTitle)
        .signal("xFormat", xFormat)
        .signal("barCount", parts.stream().map(Part::bar).distinct().count())
        .data("parts", parts);
  }

  private Plot byLength() {
    List<Integer> lengths = measurements.lengths();
    List<Point> points = new ArrayList<>();
    for (Policy policy : measurements.policies()) {
      for (int length : lengths) {
        Interval score = measurements.quality(policy, length).score();
        if (score != null) {
          points.add(
              new Point(
                  name(policy),
                  colour(policy),
                  true,
                  length,
                  score,
                  length == lengths.get(lengths.size() - 1) ? policy.mark() : "",
                  name(policy) + " at " + length + ": " + Format.percent(score.mean())));
        }
      }
    }
    return overOctaves("score by prompt length", "prompt tokens", Axis.shares("score"), points);
  }
}
