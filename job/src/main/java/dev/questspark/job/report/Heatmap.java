package dev.questspark.job.report;

import dev.questspark.job.eval.QualityRow;
import dev.questspark.job.eval.SelectionRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.TreeSet;
import java.util.function.BiFunction;

/**
 * Shares over two axes, each cell coloured by its mean and, where there is room, carrying it in
 * percent.
 */
final class Heatmap {
  private static final double WIDEST_CELL = 54;
  private static final double NARROWEST_CELL = 12;
  private static final double NUMBER_WIDTH = 28;
  private static final double CELL_HEIGHT = 24;
  private static final double MOST_WIDTH = 560;
  private static final double LEFT = 62;
  private static final double BELOW = 40;

  private final List<String> columns;
  private final String columnsTitle;
  private final List<String> rows;
  private final String unit;
  private final BiFunction<Integer, Integer, List<Double>> values;
  private final double cellWidth;

  /**
   * @param unit what the values of a cell are counted in
   * @param values by row and column; a cell without any stays empty
   */
  private Heatmap(
      List<String> columns,
      String columnsTitle,
      List<String> rows,
      String unit,
      BiFunction<Integer, Integer, List<Double>> values) {
    this.columns = columns;
    this.columnsTitle = columnsTitle;
    this.rows = rows;
    this.unit = unit;
    this.values = values;
    this.cellWidth = Math.max(NARROWEST_CELL, Math.min(WIDEST_CELL, MOST_WIDTH / columns.size()));
  }

  /** Whether rows lie on a grid of lengths and depths. */
  static boolean suits(List<QualityRow> rows) {
    return rows.stream()
        .anyMatch(
            row -> row.depthPercent() != null && row.lengthTokens() != null && row.score() != null);
  }

  /** Score by length and depth for one policy: the needle picture. */
  static String needle(String name, List<QualityRow> quality) {
    List<QualityRow> placed =
        quality.stream()
            .filter(row -> row.lengthTokens() != null && row.depthPercent() != null)
            .toList();
    List<Integer> lengths =
        new ArrayList<>(new TreeSet<>(placed.stream().map(QualityRow::lengthTokens).toList()));
    List<Double> depths =
        new ArrayList<>(new TreeSet<>(placed.stream().map(QualityRow::depthPercent).toList()));
    return new Heatmap(
            lengths.stream().map(length -> Format.number(length)).toList(),
            "prompt tokens",
            depths.stream().map(depth -> String.format(Locale.ROOT, "%.0f %%", depth)).toList(),
            "questions",
            (y, x) ->
                placed.stream()
                    .filter(
                        row ->
                            row.lengthTokens().equals(lengths.get(x))
                                && row.depthPercent().equals(depths.get(y)))
                    .map(QualityRow::score)
                    .filter(Objects::nonNull)
                    .toList())
        .svg(name + ": score by length and depth");
  }

  /** Attention mass that one policy keeps, by layer and query head. */
  static String layers(String name, List<SelectionRow> selection) {
    int layers = 1 + selection.stream().mapToInt(SelectionRow::layer).max().orElse(0);
    int heads = 1 + selection.stream().mapToInt(SelectionRow::head).max().orElse(0);
    List<List<List<Double>>> masses = new ArrayList<>();
    for (int layer = 0; layer < layers; layer++) {
      List<List<Double>> row = new ArrayList<>();
      for (int head = 0; head < heads; head++) {
        row.add(new ArrayList<>());
      }
      masses.add(row);
    }
    selection.forEach(row -> masses.get(row.layer()).get(row.head()).add(row.attentionMass()));
    return new Heatmap(
            numbers(heads, ""),
            "query head",
            numbers(layers, "layer "),
            "documents",
            (y, x) -> masses.get(y).get(x))
        .svg(name + ": attention mass kept by layer and head");
  }

  private static List<String> numbers(int count, String before) {
    List<String> names = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      names.add(before + i);
    }
    return names;
  }

  private String svg(String label) {
    double width = LEFT + columns.size() * cellWidth + 6;
    double height = rows.size() * CELL_HEIGHT + BELOW;
    StringBuilder svg = new StringBuilder();
    svg.append("<svg role=\"img\" class=\"heatmap\" style=\"max-width:")
        .append(Format.coordinate(width))
        .append("px\" viewBox=\"0 0 ")
        .append(Format.coordinate(width))
        .append(' ')
        .append(Format.coordinate(height))
        .append("\" aria-label=\"")
        .append(Format.html(label))
        .append("\">");
    for (int y = 0; y < rows.size(); y++) {
      double top = y * CELL_HEIGHT;
      svg.append(text(LEFT - 8, top + 16, "end", rows.get(y)));
      for (int x = 0; x < columns.size(); x++) {
        cell(svg, LEFT + x * cellWidth, top, values.apply(y, x));
      }
    }
    int every = cellWidth >= NUMBER_WIDTH ? 1 : (int) Math.ceil(NUMBER_WIDTH / cellWidth);
    for (int x = 0; x < columns.size(); x += every) {
      svg.append(text(LEFT + (x + 0.5) * cellWidth, height - 22, "middle", columns.get(x)));
    }
    svg.append(text(LEFT + columns.size() * cellWidth / 2, height - 5, "middle", columnsTitle));
    return svg.append("</svg>").toString();
  }

  private void cell(StringBuilder svg, double left, double top, List<Double> shares) {
    if (shares.isEmpty()) {
      return;
    }
    double share = Interval.average(shares);
    svg.append("<g><title>")
        .append(Format.percent(share))
        .append(" of ")
        .append(shares.size())
        .append(' ')
        .append(unit)
        .append("</title><rect class=\"heat\" style=\"--score:")
        .append(String.format(Locale.ROOT, "%.3f", share))
        .append("\" x=\"")
        .append(Format.coordinate(left + 1))
        .append("\" y=\"")
        .append(Format.coordinate(top + 1))
        .append("\" width=\"")
        .append(Format.coordinate(cellWidth - 2))
        .append("\" height=\"")
        .append(Format.coordinate(CELL_HEIGHT - 2))
        .append("\"/>");
    if (cellWidth >= NUMBER_WIDTH) {
      svg.append("<text class=\"heatnumber")
          .append(share >= 0.6 ? " on" : "")
          .append("\" x=\"")
          .append(Format.coordinate(left + cellWidth / 2))
          .append("\" y=\"")
          .append(Format.coordinate(top + 16))
          .append("\" text-anchor=\"middle\">")
          .append(Math.round(100 * share))
          .append("</text>");
    }
    svg.append("</g>");
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
