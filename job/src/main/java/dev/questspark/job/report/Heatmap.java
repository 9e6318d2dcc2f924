package dev.questspark.job.report;

import dev.questspark.job.eval.QualityRow;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.SortedSet;
import java.util.TreeSet;

/** Score by length and depth for one policy: the needle picture. Each cell carries its number. */
final class Heatmap {
  private static final double CELL_WIDTH = 54;
  private static final double CELL_HEIGHT = 24;
  private static final double LEFT = 54;
  private static final double BELOW = 40;

  private Heatmap() {}

  /** Whether rows lie on a grid. */
  static boolean suits(List<QualityRow> rows) {
    return rows.stream()
        .anyMatch(
            row -> row.depthPercent() != null && row.lengthTokens() != null && row.score() != null);
  }

  static String svg(String name, List<QualityRow> rows) {
    SortedSet<Integer> lengths = new TreeSet<>();
    SortedSet<Double> depths = new TreeSet<>();
    rows.forEach(
        row -> {
          lengths.add(row.lengthTokens());
          depths.add(row.depthPercent());
        });
    double width = LEFT + lengths.size() * CELL_WIDTH + 6;
    double height = depths.size() * CELL_HEIGHT + BELOW;
    StringBuilder svg = new StringBuilder();
    svg.append("<svg role=\"img\" class=\"heatmap\" style=\"max-width:")
        .append(Format.coordinate(width))
        .append("px\" viewBox=\"0 0 ")
        .append(Format.coordinate(width))
        .append(' ')
        .append(Format.coordinate(height))
        .append("\" aria-label=\"")
        .append(Format.html(name + ": score by length and depth"))
        .append("\">");
    int y = 0;
    for (double depth : depths) {
      double top = y++ * CELL_HEIGHT;
      svg.append(text(LEFT - 8, top + 16, "end", String.format(Locale.ROOT, "%.0f %%", depth)));
      int x = 0;
      for (int length : lengths) {
        List<Double> scores =
            rows.stream()
                .filter(row -> row.lengthTokens() == length && row.depthPercent() == depth)
                .map(QualityRow::score)
                .filter(Objects::nonNull)
                .toList();
        cell(svg, LEFT + x++ * CELL_WIDTH, top, scores);
      }
    }
    int x = 0;
    for (int length : lengths) {
      double middle = LEFT + (x++ + 0.5) * CELL_WIDTH;
      svg.append(text(middle, height - 22, "middle", Format.number(length)));
    }
    svg.append(text(LEFT + lengths.size() * CELL_WIDTH / 2, height - 5, "middle", "prompt tokens"));
    return svg.append("</svg>").toString();
  }

  private static void cell(StringBuilder svg, double left, double top, List<Double> scores) {
    if (scores.isEmpty()) {
      return;
    }
    double score = Interval.average(scores);
    svg.append("<g><title>")
        .append(Format.percent(score))
        .append(" of ")
        .append(scores.size())
        .append(" questions</title><rect class=\"heat\" style=\"--score:")
        .append(String.format(Locale.ROOT, "%.3f", score))
        .append("\" x=\"")
        .append(Format.coordinate(left + 1))
        .append("\" y=\"")
        .append(Format.coordinate(top + 1))
        .append("\" width=\"")
        .append(Format.coordinate(CELL_WIDTH - 2))
        .append("\" height=\"")
        .append(Format.coordinate(CELL_HEIGHT - 2))
        .append("\"/><text class=\"heatnumber")
        .append(score >= 0.6 ? " on" : "")
        .append("\" x=\"")
        .append(Format.coordinate(left + CELL_WIDTH / 2))
        .append("\" y=\"")
        .append(Format.coordinate(top + 16))
        .append("\" text-anchor=\"middle\">")
        .append(Math.round(100 * score))
        .append("</text></g>");
  }

  private static String text(double left, double top, String anchor, String text) {
    return "<text class=\"tick\" x=\""
        + Format.coordinate(left)
        + "\" y=\""
        + Format.coordinate(top)
        + "\" text-anchor=\""
        + anchor
        + "\">"
        + Format.html(text)
        + "</text>";
  }
}
