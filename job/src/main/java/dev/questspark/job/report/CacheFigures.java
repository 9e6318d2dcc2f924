package dev.questspark.job.report;

import dev.questspark.job.eval.rows.PrefillRow;
import dev.questspark.job.eval.rows.SpeedRow;
import dev.questspark.job.report.Figures.Axis;
import dev.questspark.job.report.Figures.Figure;
import dev.questspark.job.report.Figures.Part;
import dev.questspark.job.report.Figures.Point;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The pictures of what becomes of documents: prefill by length, documents per hour beside what
 * prefill allows, quality. None where all documents are kept whole.
 */
final class CacheFigures {
  private static final double MS_PER_S = 1e3;

  private final Measurements measurements;

  CacheFigures(Measurements measurements) {
    this.measurements = measurements;
  }

  List<Figure> all() {
    List<Figure> figures = new ArrayList<>();
    if (!measurements.comparesCachePolicies()) {
      return figures;
    }
    if (measurements.timed()) {
      figures.add(
          new Figure(
              "Prefill time by document length",
              "Each document's geometric mean over repetitions; every repetition prefills anew, cache policies in turn. Bars: 95 % interval.",
              prefill()));
      figures.add(
          new Figure(
              "Documents per hour",
              "End to end on one device: prefill, one batch of questions and their answers. The line reaches to the ceiling: prefill alone.",
              documentsPerHour()));
    }
    if (!measurements.prefill.isEmpty()) {
      figures.add(
          new Figure(
              "Attention mass kept by prefill",
              "Softmax weight of a document's own rows on the key blocks that they read, mean over layers, heads and watched rows. The line reaches to the most that lists of the same lengths could keep.",
              prefillMass()));
    }
    if (measurements.scored()) {
      figures.add(
          new Figure(
              "Score by cache policy",
              "Mean score over all questions. Line: 95 % interval; against dense, paired, it stands in the table.",
              quality(PolicySummary::score, "score", "percent", Format::percent)));
    }
    if (measurements.diverged()) {
      figures.add(
          new Figure(
              "KL from dense by cache policy",
              "KL(dense || policy) of the next token's distribution after the prefix, against dense attention on all of it. Line: 95 % interval over windows.",
              quality(
                  PolicySummary::kl,
                  "KL (nats)",
                  "number",
                  kl -> String.format(Locale.ROOT, "%.4f", kl))));
    }
    return figures;
  }

  /** Pictures by cache policy of the mass that the block lists of its prefill keep. */
  Map<String, Plot> prefillMaps() {
    Map<String, Plot> maps = new LinkedHashMap<>();
    for (Policy policy : onePerCachePolicy()) {
      List<PrefillRow> rows = measurements.prefill(policy.cachePolicy());
      if (!rows.isEmpty()) {
        maps.put(policy.cache().label(), HeatMaps.prefill(policy.cache().label(), rows));
      }
    }
    return maps;
  }

  /** The lists' mass, with a line to the most that lists of their lengths could keep. */
  private Plot prefillMass() {
    List<Part> parts = new ArrayList<>();
    for (Policy policy : onePerCachePolicy()) {
      PolicySummary summary = measurements.summary(policy);
      if (summary.prefillMass() != null) {
        double mass = summary.prefillMass().mean();
        double best = summary.prefillBestMass().mean();
        parts.add(
            new Part(
                policy.cache().label(),
                "var(--c" + Figures.colour(measurements, policy) + ")",
                mass,
                new Interval(mass, mass, best),
                Format.percent(mass) + ", at best " + Format.percent(best)));
      }
    }
    return Figures.bars("attention mass kept by prefill", "attention mass", "percent", parts);
  }

  /** A policy of each cache policy, whose questions share their prefills. */
  private List<Policy> onePerCachePolicy() {
    return measurements.cachePolicies().stream()
        .map(
            cachePolicy ->
                measurements.policies().stream()
                    .filter(it -> it.cachePolicy().equals(cachePolicy))
                    .findFirst()
                    .orElseThrow())
        .toList();
  }

  private Plot prefill() {
    List<Point> points = new ArrayList<>();
    for (Policy policy : onePerCachePolicy()) {
      List<List<SpeedRow>> documents =
          measurements.speed(policy).stream()
              .collect(Collectors.groupingBy(SpeedRow::docId))
              .values()
              .stream()
              .sorted(Comparator.comparingInt(rows -> rows.get(0).load().documentTokens()))
              .toList();
      for (int i = 0; i < documents.size(); i++) {
        points.add(prefill(policy, documents.get(i), i == documents.size() - 1));
      }
    }
    return Figures.overOctaves(
        "prefill time by document length",
        "document tokens",
        Axis.numbers("seconds of prefill"),
        points);
  }

  /**
   * @param last the line's end, which has the label
   */
  private Point prefill(Policy policy, List<SpeedRow> rows, boolean last) {
    Interval seconds =
        Interval.geometricMean(
            rows.stream().map(row -> row.times().prefillMs() / MS_PER_S).toList());
    String cachePolicy = policy.cache().label();
    return new Point(
        cachePolicy,
        Figures.colour(measurements, policy),
        true,
        rows.get(0).load().documentTokens(),
        seconds,
        last ? cachePolicy : "",
        cachePolicy + ", " + rows.get(0).docId() + ": " + Format.number(seconds.mean()) + " s");
  }

  private Plot documentsPerHour() {
    List<Part> parts = new ArrayList<>();
    for (PolicySummary summary : measurements.summaries) {
      Double perHour = summary.timed(SpeedSummary::documentsPerHour);
      if (perHour != null) {
        double ceiling = summary.timed(SpeedSummary::documentsPerHourCeiling);
        parts.add(
            part(
                summary,
                new Interval(perHour, perHour, ceiling),
                Format.number(perHour) + " per hour, ceiling " + Format.number(ceiling)));
      }
    }
    return Figures.bars(
        "documents per hour and their ceiling", "documents per hour", "number", parts);
  }

  private Part part(PolicySummary summary, Interval value, String tip) {
    return new Part(
        Figures.name(summary.policy()),
        "var(--c" + Figures.colour(measurements, summary.policy()) + ")",
        value.mean(),
        value,
        tip);
  }

  private Plot quality(
      Function<PolicySummary, Interval> value,
      String title,
      String format,
      Function<Double, String> text) {
    List<Part> parts = new ArrayList<>();
    for (PolicySummary summary : measurements.summaries) {
      Interval found = value.apply(summary);
      if (found != null) {
        parts.add(
            part(
                summary,
                found,
                text.apply(found.mean())
                    + (found.low() == null
                        ? ""
                        : ", " + text.apply(found.low()) + " to " + text.apply(found.high()))
                    + (summary.keptShare() == null
                        ? ""
                        : "; " + Format.percent(summary.keptShare()) + " of the tokens kept")));
      }
    }
    return Figures.bars(title + " by cache policy", title, format, parts);
  }
}
