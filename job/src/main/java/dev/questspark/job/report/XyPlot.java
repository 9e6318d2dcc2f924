package dev.questspark.job.report;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleFunction;

/**
 * Lines and points with error bars over two axes, as inline SVG. Colours come from the page's
 * style.
 */
final class XyPlot {
  private static final double WIDTH = 520;
  private static final double HEIGHT = 290;
  private static final double LEFT = 66;
  private static final double RIGHT = 18;
  private static final double TOP = 12;
  private static final double BOTTOM = 44;
  static final double INNER_WIDTH = WIDTH - LEFT - RIGHT;
  static final double INNER_HEIGHT = HEIGHT - TOP - BOTTOM;

  private final Scale x;
  private final Scale y;
  private final String xLabel;
  private final String yLabel;
  private final DoubleFunction<String> xText;
  private final DoubleFunction<String> yText;
  private final List<String> marks = new ArrayList<>();
  private final PointLabels labels = new PointLabels(LEFT, TOP, WIDTH, TOP + INNER_HEIGHT);

  /**
   * @param x over {@link #INNER_WIDTH}
   * @param y over {@link #INNER_HEIGHT}
   */
  XyPlot(
      Scale x,
      String xLabel,
      DoubleFunction<String> xText,
      Scale y,
      String yLabel,
      DoubleFunction<String> yText) {
    this.x = x;
    this.y = y;
    this.xLabel = xLabel;
    this.yLabel = yLabel;
    this.xText = xText;
    this.yText = yText;
  }

  /**
   * One point.
   *
   * @param low of y's interval; null without one
   * @param label written beside the point, where others leave room; empty for none
   * @param tip shown on hover
   */
  record Point(double x, double y, Double low, Double high, String label, String tip) {}

  private double px(double value) {
    return LEFT + x.at(value);
  }

  private double py(double value) {
    return TOP + INNER_HEIGHT - Math.max(0, Math.min(INNER_HEIGHT, y.at(value)));
  }

  /** Points of one series, joined in their order. */
  XyPlot line(int colour, List<Point> points) {
    StringBuilder path = new StringBuilder();
    for (Point point : points) {
      path.append(path.isEmpty() ? "M" : "L").append(xy(point.x(), point.y()));
    }
    marks.add("<path class=\"line c" + colour + "\" d=\"" + path + "\"/>");
    return points(colour, points);
  }

  /** Points of one series. */
  XyPlot points(int colour, List<Point> points) {
    for (Point point : points) {
      String at = Format.coordinate(px(point.x()));
      if (point.low() != null && point.high() > point.low()) {
        marks.add(
            "<path class=\"bar c"
                + colour
                + "\" d=\"M"
                + at
                + " "
                + Format.coordinate(py(point.low()))
                + "V"
                + Format.coordinate(py(point.high()))
                + "\"/>");
      }
      marks.add(
          "<circle class=\"dot c"
              + colour
              + "\" cx=\""
              + at
              + "\" cy=\""
              + Format.coordinate(py(point.y()))
              + "\" r=\"4\"><title>"
              + Format.html(point.tip())
              + "</title></circle>");
      labels.add(px(point.x()), py(point.y()), point.label());
    }
    return this;
  }

  /** A value that holds for all x, with its interval as a band. */
  XyPlot level(int colour, double value, Double low, Double high, String tip) {
    if (low != null && high > low) {
      marks.add(
          0,
          "<rect class=\"band c"
              + colour
              + "\" x=\""
              + LEFT
              + "\" width=\""
              + INNER_WIDTH
              + "\" y=\""
              + Format.coordinate(py(high))
              + "\" height=\""
              + Format.coordinate(py(low) - py(high))
              + "\"/>");
    }
    marks.add(
        "<path class=\"line level c"
            + colour
            + "\" d=\"M"
            + xy0(LEFT, py(value))
            + "H"
            + Format.coordinate(LEFT + INNER_WIDTH)
            + "\"><title>"
            + Format.html(tip)
            + "</title></path>");
    return this;
  }

  private String xy(double dataX, double dataY) {
    return xy0(px(dataX), py(dataY));
  }

  private static String xy0(double left, double top) {
    return Format.coordinate(left) + " " + Format.coordinate(top);
  }

  private static String text(double left, double top, String anchor, String kind, String text) {
    return "<text class=\""
        + kind
        + "\" x=\""
        + Format.coordinate(left)
        + "\" y=\""
        + Format.coordinate(top)
        + "\" text-anchor=\""
        + anchor
        + "\">"
        + Format.html(text)
        + "</text>";
  }

  /** The picture. */
  String svg(String description) {
    StringBuilder svg = new StringBuilder();
    svg.append("<svg role=\"img\" viewBox=\"0 0 ")
        .append(Format.coordinate(WIDTH))
        .append(' ')
        .append(Format.coordinate(HEIGHT))
        .append("\" aria-label=\"")
        .append(Format.html(description))
        .append("\">");
    for (double tick : y.ticks()) {
      svg.append("<path class=\"grid\" d=\"M")
          .append(xy0(LEFT, py(tick)))
          .append("H")
          .append(Format.coordinate(LEFT + INNER_WIDTH))
          .append("\"/>")
          .append(text(LEFT - 8, py(tick) + 4, "end", "tick", yText.apply(tick)));
    }
    for (double tick : x.ticks()) {
      svg.append(text(px(tick), TOP + INNER_HEIGHT + 18, "middle", "tick", xText.apply(tick)));
    }
    svg.append(text(LEFT + INNER_WIDTH / 2, HEIGHT - 6, "middle", "axis", xLabel));
    svg.append("<text class=\"axis\" text-anchor=\"middle\" transform=\"translate(13 ")
        .append(Format.coordinate(TOP + INNER_HEIGHT / 2))
        .append(") rotate(-90)\">")
        .append(Format.html(yLabel))
        .append("</text>");
    marks.forEach(svg::append);
    labels
        .placed()
        .forEach(it -> svg.append(text(it.left(), it.baseline(), "start", "label", it.text())));
    return svg.append("</svg>").toString();
  }
}
