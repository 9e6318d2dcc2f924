package dev.questspark.job.report;

import java.util.ArrayList;
import java.util.List;
import java.util.function.DoubleFunction;

/** Horizontal bars, one per policy, each of one or more parts end to end. */
final class BarPlot {
  private static final double WIDTH = 520;
  private static final double LEAST_LEFT = 178;

  /** Of the page's font at 12 pixels. */
  private static final double CHARACTER = 6.4;

  private static final double RIGHT = 64;
  private static final double ROW = 26;
  private static final double BAR = 16;
  private static final double BELOW = 42;

  private final List<Bar> bars = new ArrayList<>();
  private final String label;
  private final DoubleFunction<String> text;

  /**
   * @param label of the axis
   */
  BarPlot(String label, DoubleFunction<String> text) {
    this.label = label;
    this.text = text;
  }

  /**
   * One part of a bar.
   *
   * @param style class that gives its colour
   */
  record Part(String style, double value, String tip) {}

  private record Bar(String name, List<Part> parts) {
    double total() {
      return parts.stream().mapToDouble(Part::value).sum();
    }
  }

  BarPlot bar(String name, List<Part> parts) {
    bars.add(new Bar(name, parts));
    return this;
  }

  /** The picture. */
  String svg(String description) {
    double left = left();
    double inner = WIDTH - left - RIGHT;
    double largest = bars.stream().mapToDouble(Bar::total).max().orElse(1);
    Scale scale = Scale.fromZero(largest, inner);
    double height = bars.size() * ROW + BELOW;
    StringBuilder svg = new StringBuilder();
    svg.append("<svg role=\"img\" viewBox=\"0 0 ")
        .append(Format.coordinate(WIDTH))
        .append(' ')
        .append(Format.coordinate(height))
        .append("\" aria-label=\"")
        .append(Format.html(description))
        .append("\">");
    for (double tick : scale.ticks()) {
      double at = left + scale.at(tick);
      svg.append("<path class=\"grid\" d=\"M")
          .append(Format.coordinate(at))
          .append(" 0V")
          .append(Format.coordinate(bars.size() * ROW))
          .append("\"/>")
          .append(label(at, bars.size() * ROW + 16, "middle", "tick", text.apply(tick)));
    }
    for (int i = 0; i < bars.size(); i++) {
      row(svg, bars.get(i), left, i * ROW, scale);
    }
    svg.append(label(left + inner / 2, height - 6, "middle", "axis", label));
    return svg.append("</svg>").toString();
  }

  /** Room for the longest name. */
  private double left() {
    int longest = bars.stream().mapToInt(bar -> bar.name().length()).max().orElse(0);
    return Math.max(LEAST_LEFT, CHARACTER * longest + 12);
  }

  private void row(StringBuilder svg, Bar bar, double left, double top, Scale scale) {
    svg.append(label(left - 8, top + ROW / 2 + 4, "end", "name", bar.name()));
    double from = 0;
    for (Part part : bar.parts()) {
      svg.append("<rect class=\"")
          .append(part.style())
          .append("\" x=\"")
          .append(Format.coordinate(left + scale.at(from)))
          .append("\" y=\"")
          .append(Format.coordinate(top + (ROW - BAR) / 2))
          .append("\" width=\"")
          .append(Format.coordinate(Math.max(0.5, scale.at(part.value()) - 1)))
          .append("\" height=\"")
          .append(Format.coordinate(BAR))
          .append("\"><title>")
          .append(Format.html(part.tip()))
          .append("</title></rect>");
      from += part.value();
    }
    svg.append(
        label(left + scale.at(from) + 6, top + ROW / 2 + 4, "start", "tick", text.apply(from)));
  }

  private static String label(double left, double top, String anchor, String kind, String text) {
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
}
