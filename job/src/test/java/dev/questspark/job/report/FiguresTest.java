package dev.questspark.job.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.eval.QualityRow;
import dev.questspark.job.eval.SpeedRow;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The pictures by their coordinates. */
class FiguresTest {
  private static final Pattern LABEL =
      Pattern.compile(
          "<text class=\"label\" x=\"([-0-9.]+)\" y=\"([-0-9.]+)\" text-anchor=\"start\">([^<]+)</text>");
  private static final Pattern BAR =
      Pattern.compile("<path class=\"bar [^>]* d=\"M[^ ]+ ([-0-9.]+)V([-0-9.]+)\"");
  private static final Pattern VIEW = Pattern.compile("viewBox=\"0 0 ([0-9.]+) ([0-9.]+)\"");
  private static final int[] BUDGETS = {64, 128, 256, 512, 1024, 2048};

  /** Policies of equal score and nearly equal speed; the first repetition is far slower. */
  private static String picture(String title, int repetitions) {
    List<QualityRow> quality = new ArrayList<>();
    List<SpeedRow> speed = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      quality.add(MeasuredRows.quality("all", -1, i));
      for (int budget : BUDGETS) {
        quality.add(MeasuredRows.quality("quest", budget, i));
      }
    }
    for (int repetition = 0; repetition < repetitions; repetition++) {
      double slow = repetition == 0 ? 5 : 1;
      speed.add(MeasuredRows.timed("all", -1, repetition, 80 * slow));
      for (int budget : BUDGETS) {
        speed.add(MeasuredRows.timed("quest", budget, repetition, slow * (20 + budget / 1000.0)));
      }
    }
    return new Figures(new Measurements(quality, speed, List.of()))
        .all().stream()
            .filter(figure -> figure.title().equals(title))
            .findFirst()
            .orElseThrow()
            .svg();
  }

  @Test
  void labelsOfBudgetsThatAreEquallyFastStandApart() {
    for (String title : List.of("Speed against quality", "Time per token against context")) {
      String svg = picture(title, 3);
      List<double[]> boxes = new ArrayList<>();
      List<String> texts = new ArrayList<>();
      Matcher label = LABEL.matcher(svg);
      while (label.find()) {
        double left = Double.parseDouble(label.group(1));
        double baseline = Double.parseDouble(label.group(2));
        double[] box = {left, baseline - 9, left + 6.1 * label.group(3).length(), baseline + 3};
        assertThat(boxes)
            .as("%s: %s beside %s", title, label.group(3), texts)
            .noneMatch(
                other ->
                    box[0] < other[2]
                        && other[0] < box[2]
                        && box[1] < other[3]
                        && other[1] < box[3]);
        boxes.add(box);
        texts.add(label.group(3));
      }
      assertThat(texts)
          .as(title)
          .containsExactlyInAnyOrder("full", "64", "128", "256", "512", "1024", "2048");
      assertInside(svg, boxes);
    }
  }

  private static void assertInside(String svg, List<double[]> boxes) {
    Matcher view = VIEW.matcher(svg);
    assertThat(view.find()).isTrue();
    double width = Double.parseDouble(view.group(1));
    double height = Double.parseDouble(view.group(2));
    assertThat(boxes)
        .allSatisfy(
            box -> {
              assertThat(box[0]).isNotNegative();
              assertThat(box[2]).isLessThanOrEqualTo(width);
              assertThat(box[3]).isLessThanOrEqualTo(height);
            });
  }

  @Test
  void intervalsOfSpreadOutRepetitionsStayInsideThePicture() {
    Matcher bar = BAR.matcher(picture("Decode throughput by KV budget", 3));
    int bars = 0;
    while (bar.find()) {
      // the axis is at 246 of 290
      assertThat(Double.parseDouble(bar.group(1))).isBetween(12.0, 246.0);
      assertThat(Double.parseDouble(bar.group(2))).isBetween(12.0, 246.0);
      bars++;
    }
    assertThat(bars).isEqualTo(BUDGETS.length);
    assertThat(picture("Decode throughput by KV budget", 2)).doesNotContain("class=\"bar", "NaN");
  }
}
