package dev.questspark.job.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Finds a place for the label of every point, so that none stands on another or on a point. */
final class PointLabels {
  /** Of the page's font at 11 pixels, digits and small letters. */
  private static final double CHARACTER = 6.6;

  private static final double ASCENT = 10;
  private static final double HEIGHT = 13;
  private static final double GAP = 7;
  private static final double RADIUS = 4;

  /** How far above or below its point a label may go, in its own heights. */
  private static final int MOST_ROWS = 5;

  private final double left;
  private final double top;
  private final double right;
  private final double bottom;
  private final List<Labelled> points = new ArrayList<>();

  /** The area that labels keep to. */
  PointLabels(double left, double top, double right, double bottom) {
    this.left = left;
    this.top = top;
    this.right = right;
    this.bottom = bottom;
  }

  private record Labelled(double x, double y, String text) {}

  /** A label in its place. */
  record Placed(double left, double baseline, String text) {
    double width() {
      return CHARACTER * text.length();
    }

    boolean meets(Placed other) {
      return left < other.left + other.width()
          && other.left < left + width()
          && Math.abs(baseline - other.baseline) < HEIGHT;
    }

    private boolean covers(Labelled point) {
      return point.x + RADIUS > left
          && point.x - RADIUS < left + width()
          && point.y + RADIUS > baseline - ASCENT
          && point.y - RADIUS < baseline + HEIGHT - ASCENT;
    }
  }

  /** A point that labels keep off, and what to write beside it; may be empty. */
  void add(double x, double y, String text) {
    points.add(new Labelled(x, y, text));
  }

  /** A label that finds no place is left out: the point's tip still tells it. */
  List<Placed> placed() {
    List<Placed> placed = new ArrayList<>();
    for (Labelled point : points) {
      if (!point.text.isEmpty()) {
        place(point, placed).ifPresent(placed::add);
      }
    }
    return placed;
  }

  private Optional<Placed> place(Labelled point, List<Placed> others) {
    List<Placed> free =
        candidates(point).stream()
            .filter(this::inside)
            .filter(it -> others.stream().noneMatch(it::meets))
            .toList();
    return free.stream()
        .filter(it -> points.stream().noneMatch(it::covers))
        .findFirst()
        .or(() -> free.stream().findFirst());
  }

  /** Nearest first: to the right, above and below in turn, then to the left. */
  private static List<Placed> candidates(Labelled point) {
    List<Placed> candidates = new ArrayList<>();
    double width = CHARACTER * point.text.length();
    for (int row = 0; row <= MOST_ROWS; row++) {
      double above = point.y - RADIUS - 2 - row * HEIGHT;
      double below = point.y + ASCENT + RADIUS + row * HEIGHT;
      for (double side : new double[] {point.x + GAP, point.x - GAP - width}) {
        candidates.add(new Placed(side, above, point.text));
        candidates.add(new Placed(side, below, point.text));
      }
    }
    return candidates;
  }

  private boolean inside(Placed label) {
    return label.left >= left
        && label.left + label.width() <= right
        && label.baseline - ASCENT >= top - ASCENT
        && label.baseline <= bottom;
  }
}
