package dev.questspark.job.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What the pictures are given to draw; {@link ReportInBrowserTest} sees it drawn. */
class FiguresTest {
  private static final String THROUGHPUT = "Decode throughput by KV budget";
  private static final String PARETO = "Speed against quality";
  private static final String CONTEXT = "Time per token against context";

  private static Plot plot(Measurements measurements, String title) {
    return new Figures(measurements)
        .all().stream()
            .filter(figure -> figure.title().equals(title))
            .findFirst()
            .orElseThrow()
            .plot();
  }

  /** The rows of a plot's data set. */
  private static List<JsonObject> data(Plot plot, String name) {
    for (JsonElement set :
        JsonParser.parseString(plot.json()).getAsJsonObject().getAsJsonArray("data")) {
      if (set.getAsJsonObject().get("name").getAsString().equals(name)) {
        List<JsonObject> rows = new ArrayList<>();
        set.getAsJsonObject()
            .getAsJsonArray("values")
            .forEach(row -> rows.add(row.getAsJsonObject()));
        return rows;
      }
    }
    throw new AssertionError("no data set " + name);
  }

  private static List<String> texts(List<JsonObject> rows, String field) {
    return rows.stream().map(row -> row.get(field).getAsString()).toList();
  }

  private static double mean(JsonObject point) {
    return point.getAsJsonObject("y").get("mean").getAsDouble();
  }

  @Test
  void everyBudgetHasAPointAndItsInterval() {
    Plot plot = plot(MeasuredRows.equallyFast(3), THROUGHPUT);
    List<JsonObject> points = data(plot, "points");
    assertThat(texts(points, "x"))
        .containsExactly("64.0", "128.0", "256.0", "512.0", "1024.0", "2048.0");
    for (JsonObject point : points) {
      // geometric mean of 8 rows a step at 5, 1 and 1 times 20 ms and a little
      double step = 20 + point.get("x").getAsDouble() / 1000;
      assertThat(mean(point)).isCloseTo(8000 / step / Math.cbrt(5), within(1e-6));
      JsonObject interval = point.getAsJsonObject("y");
      assertThat(interval.get("low").getAsDouble()).isPositive().isLessThan(mean(point));
      assertThat(interval.get("high").getAsDouble()).isGreaterThan(mean(point));
    }
    assertThat(data(plot, "levels"))
        .singleElement()
        .satisfies(
            dense -> assertThat(mean(dense)).isCloseTo(8000 / 80.0 / Math.cbrt(5), within(1e-6)));
  }

  @Test
  void twoRepetitionsHaveNoInterval() {
    assertThat(data(plot(MeasuredRows.equallyFast(2), THROUGHPUT), "points"))
        .hasSize(MeasuredRows.BUDGETS.length)
        .allSatisfy(
            point -> assertThat(point.getAsJsonObject("y").keySet()).containsExactly("mean"));
  }

  @Test
  void everyPolicyIsLabelled() {
    for (String title : List.of(PARETO, CONTEXT, "Score by prompt length")) {
      assertThat(texts(data(plot(MeasuredRows.equallyFast(3), title), "points"), "label"))
          .as(title)
          .filteredOn(label -> !label.isEmpty())
          .containsExactly("full", "64", "128", "256", "512", "1024", "2048");
    }
  }

  @Test
  void perplexityIsPairedWithDense() {
    List<JsonObject> points =
        data(plot(MeasuredRows.perplexities(), "Perplexity over dense by KV budget"), "points");
    assertThat(points).hasSize(MeasuredRows.BUDGETS.length);
    // what chance adds to eight texts sums to nothing
    assertThat(mean(points.get(0))).isCloseTo(Math.exp(3.0 / 64), within(1e-9));
  }

  @Test
  void divergenceStandsByBudgetAndByWhatARowReads() {
    Measurements windows = MeasuredRows.windows(5);
    Plot byBudget = plot(windows, "KL from dense by KV budget");
    assertThat(data(byBudget, "points")).hasSize(2 * MeasuredRows.BUDGETS.length);
    assertThat(data(byBudget, "levels"))
        .singleElement()
        .satisfies(dense -> assertThat(mean(dense)).isZero());
    List<JsonObject> byBytes = data(plot(windows, "KL from dense by bytes read"), "points");
    assertThat(byBytes).hasSize(1 + 2 * MeasuredRows.BUDGETS.length);
    JsonObject quest128 = byBytes.get(2);
    assertThat(quest128.get("label").getAsString()).isEqualTo("128");
    assertThat(quest128.get("x").getAsDouble()).as("99 rows read 99 x 128 KiB").isEqualTo(128);
    assertThat(mean(quest128)).isCloseTo(0.16, within(1e-12));
    assertThat(quest128.getAsJsonObject("y").get("low").getAsDouble()).isLessThan(0.16);
  }

  @Test
  void barsHoldEveryPart() {
    Measurements measurements = MeasuredRows.everyKind();
    List<JsonObject> parts = data(plot(measurements, "Where a document's time goes"), "parts");
    assertThat(texts(parts, "bar"))
        .containsExactly(
            "dense",
            "dense",
            "dense",
            "quest 256",
            "quest 256",
            "quest 256",
            "sink_recent 256",
            "sink_recent 256",
            "sink_recent 256");
    assertThat(texts(parts.subList(0, 3), "fill"))
        .containsExactly("var(--prefill)", "var(--question)", "var(--decode)");
    assertThat(parts.get(2).get("value").getAsDouble()).isCloseTo(80 * 63 + 5.5, within(1e-9));
    assertThat(data(plot(measurements, "Share of the KV cache read"), "parts"))
        .hasSize(3)
        .allSatisfy(
            bar -> assertThat(bar.get("value").getAsDouble()).isCloseTo(100 / 900.0, within(1e-9)));
  }

  @Test
  void everyCachePolicyHasItsPrefillByLength() {
    List<JsonObject> points =
        data(plot(MeasuredRows.cachePolicies(), "Prefill time by document length"), "points");
    assertThat(texts(points, "label"))
        .as("one line each, whatever the questions read")
        .containsExactly("", "", "none", "", "", "a_shape(recent=448)");
    assertThat(texts(points, "x"))
        .containsExactly("2000.0", "2500.0", "3000.0", "2000.0", "2500.0", "3000.0");
    assertThat(mean(points.get(1))).isCloseTo(2, within(1e-12));
    // a quarter and twice a half of the time, in the geometric mean
    assertThat(mean(points.get(4))).isCloseTo(1 / Math.cbrt(2), within(1e-12));
    assertThat(points.get(4).getAsJsonObject("y").keySet()).contains("low", "high");
    assertThat(points.get(3).get("colour")).isNotEqualTo(points.get(0).get("colour"));
  }

  @Test
  void documentsPerHourStandUnderTheirCeiling() {
    List<JsonObject> bars = data(plot(MeasuredRows.cachePolicies(), "Documents per hour"), "parts");
    assertThat(texts(bars, "bar"))
        .containsExactly(
            "dense",
            "quest 256",
            "dense under a_shape(recent=448)",
            "quest 256 under a_shape(recent=448)");
    // prefills of 1, 2 and 3 s, then questions and answers of 1.03 s
    assertThat(bars.get(0).get("value").getAsDouble())
        .isCloseTo(3 * 3600 / (6 + 3 * 1.03), within(1e-9));
    assertThat(bars.get(0).getAsJsonObject("interval").get("high").getAsDouble())
        .isCloseTo(3 * 3600 / 6.0, within(1e-9));
    assertThat(data(plot(MeasuredRows.cachePolicies(), "Score by cache policy"), "parts"))
        .hasSize(4)
        .element(2)
        .satisfies(
            bar -> assertThat(bar.get("value").getAsDouble()).isCloseTo(11 / 12.0, within(1e-12)));
  }

  @Test
  void nothingIsSaidOfCachePoliciesWhereAllDocumentsAreKeptWhole() {
    assertThat(new CacheFigures(MeasuredRows.everyKind()).all()).isEmpty();
    assertThat(MeasuredRows.everyKind().summaries)
        .allSatisfy(
            summary -> {
              assertThat(summary.prefillSeconds()).isNull();
              assertThat(summary.prefillDensity()).isNull();
            });
  }

  @Test
  void moreFamiliesThanColoursTakeThemInTurn() {
    assertThat(List.of(Figures.colour(0), Figures.colour(7), Figures.colour(8), Figures.colour(15)))
        .containsExactly(0, 7, 1, 1);
  }

  @Test
  void heatMapsHoldEveryCell() {
    Figures figures = new Figures(MeasuredRows.everyKind());
    assertThat(figures.layerMaps()).containsOnlyKeys("quest 256", "sink_recent 256");
    List<JsonObject> layers = data(figures.layerMaps().get("quest 256"), "cells");
    assertThat(layers).hasSize(28 * 32);
    for (JsonObject cell : layers) {
      int head = cell.get("column").getAsInt();
      int layer = cell.get("row").getAsInt();
      assertThat(cell.get("share").getAsDouble())
          .isEqualTo(MeasuredRows.selection("quest", layer, head).kept().attentionMass());
    }
    Map<String, Plot> needles = figures.heatmaps();
    assertThat(needles).containsOnlyKeys("dense", "quest 256", "sink_recent 256");
    // two lengths, three depths, two questions each; sink_recent finds every fourth
    List<JsonObject> needle = data(needles.get("sink_recent 256"), "cells");
    assertThat(needle).hasSize(6);
    assertThat(needle.stream().mapToDouble(cell -> cell.get("share").getAsDouble()).sum())
        .isCloseTo(6 * 0.25, within(1e-9));
    assertThat(texts(needle, "tip")).allMatch(tip -> tip.endsWith(" of 2 questions"));
  }

  @Test
  void aTemplateWithoutTheNameIsRefused() {
    assertThatThrownBy(() -> new Plot("xy", "").signal("zTitle", "depth"))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the template has no zTitle among its signals");
  }
}
