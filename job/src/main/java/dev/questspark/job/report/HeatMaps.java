package dev.questspark.job.report;

import dev.questspark.job.eval.rows.PrefillRow;
import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.SelectionRow;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Shares over two axes, each cell coloured by its mean. */
final class HeatMaps {
  private HeatMaps() {}

  /**
   * One cell.
   *
   * @param share 0 to 1
   * @param tip shown on hover
   */
  record Cell(int column, int row, double share, String tip) {}

  /** Whether rows lie on a grid of lengths and depths. */
  static boolean suits(List<QualityRow> rows) {
    return rows.stream().anyMatch(HeatMaps::placed);
  }

  private static boolean placed(QualityRow row) {
    return row.question().depthPercent() != null
        && row.question().lengthTokens() != null
        && row.answer().score() != null;
  }

  /** Score by length and depth for one policy: the needle picture. */
  static Plot needle(String name, List<QualityRow> quality) {
    List<QualityRow> rows = quality.stream().filter(HeatMaps::placed).toList();
    List<Integer> lengths = sorted(rows, row -> row.question().lengthTokens());
    List<Double> depths = sorted(rows, row -> row.question().depthPercent());
    return new Plot("heat", name + ": score by length and depth")
        .signal("columnNames", lengths.stream().map(length -> Format.number(length)).toList())
        .signal("xTitle", "prompt tokens")
        .signal(
            "rowNames",
            depths.stream().map(depth -> String.format(Locale.ROOT, "%.0f %%", depth)).toList())
        .data(
            "cells",
            cells(
                rows,
                row -> lengths.indexOf(row.question().lengthTokens()),
                row -> depths.indexOf(row.question().depthPercent()),
                row -> row.answer().score(),
                "questions"));
  }

  /** Attention mass that one policy keeps, by layer and query head. */
  static Plot layers(String name, List<SelectionRow> selection) {
    int layers = 1 + selection.stream().mapToInt(row -> row.kept().layer()).max().orElse(0);
    int heads = 1 + selection.stream().mapToInt(row -> row.kept().head()).max().orElse(0);
    return new Plot("heat", name + ": attention mass kept by layer and head")
        .signal("columnNames", IntStream.range(0, heads).mapToObj(String::valueOf).toList())
        .signal("xTitle", "query head")
        .signal("rowNames", IntStream.range(0, layers).mapToObj(layer -> "layer " + layer).toList())
        .data(
            "cells",
            cells(
                selection,
                row -> row.kept().head(),
                row -> row.kept().layer(),
                row -> row.kept().attentionMass(),
                "documents"));
  }

  /** Attention mass that a prefill's block lists keep, by layer and KV head. */
  static Plot prefill(String name, List<PrefillRow> prefill) {
    int layers = 1 + prefill.stream().mapToInt(row -> row.kept().layer()).max().orElse(0);
    int heads = 1 + prefill.stream().mapToInt(row -> row.kept().kvHead()).max().orElse(0);
    return new Plot("heat", name + ": attention mass kept by layer and head")
        .signal("columnNames", IntStream.range(0, heads).mapToObj(String::valueOf).toList())
        .signal("xTitle", "KV head")
        .signal("rowNames", IntStream.range(0, layers).mapToObj(layer -> "layer " + layer).toList())
        .data(
            "cells",
            cells(
                prefill,
                row -> row.kept().kvHead(),
                row -> row.kept().layer(),
                row -> row.kept().attentionMass(),
                "documents"));
  }

  private static <R, V extends Comparable<V>> List<V> sorted(List<R> rows, Function<R, V> value) {
    return new ArrayList<>(new TreeSet<>(rows.stream().map(value).toList()));
  }

  /**
   * The cells that have values.
   *
   * @param unit what the values of a cell are counted in
   */
  private static <R> List<Cell> cells(
      List<R> rows,
      ToIntFunction<R> column,
      ToIntFunction<R> row,
      Function<R, Double> share,
      String unit) {
    record Place(int column, int row) {}
    List<Cell> cells = new ArrayList<>();
    rows.stream()
        .collect(
            Collectors.groupingBy(
                it -> new Place(column.applyAsInt(it), row.applyAsInt(it)),
                Collectors.mapping(share, Collectors.toList())))
        .forEach(
            (place, shares) -> {
              double mean = Interval.average(shares);
              String tip = Format.percent(mean) + " of " + shares.size() + " " + unit;
              cells.add(new Cell(place.column(), place.row(), mean, tip));
            });
    return cells;
  }
}
