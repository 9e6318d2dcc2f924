package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.cpu.simd.FixedPoint16;

/**
 * What the matrix products of a panel are made for.
 *
 * @param inFeatures K
 * @param outFeatures N
 * @param rows type of the rows as they are multiplied; I8 for the two {@link FixedPoint16} of each
 *     row
 * @param weights type of the panel: that of the rows, or BF16 for rows in F32; I8 with a scale per
 *     output feature
 * @param longestSpan columns of K that one product may cover, a multiple of 16: a panel is cut into
 *     spans of K as equal as that allows, and a row's result is the sum of theirs, in order
 */
record PanelShape(int inFeatures, int outFeatures, DType rows, DType weights, int longestSpan) {
  /** Rows of a block in the packed layouts. */
  private static final int BLOCK = 16;

  /** A shape with one span. */
  static PanelShape whole(int inFeatures, int outFeatures, DType rows, DType weights) {
    return new PanelShape(inFeatures, outFeatures, rows, weights, roundUp(inFeatures));
  }

  private static int roundUp(int columns) {
    return (columns + BLOCK - 1) / BLOCK * BLOCK;
  }

  /** The same product with the panel in another type. */
  PanelShape with(DType weights) {
    return new PanelShape(inFeatures, outFeatures, rows, weights, longestSpan);
  }

  /** Rows of the product for each row of x. */
  int parts() {
    return rows == DType.I8 ? FixedPoint16.COUNT : 1;
  }

  /** Bytes of a row as it is multiplied. */
  long rowBytes() {
    return (long) parts() * inFeatures * rows.bytes();
  }

  /** Spans of K. */
  int spans() {
    return (inFeatures + span() - 1) / span();
  }

  /** Columns of every span but the last. */
  int span() {
    int count = (inFeatures + longestSpan - 1) / longestSpan;
    return roundUp((inFeatures + count - 1) / count);
  }

  /** The span's first column. */
  int from(int span) {
    return span * span();
  }

  /** Whether the span's product is that of the span before; the first alone brings the bias. */
  boolean repeats(int span) {
    return span > 1 && columns(span) == columns(span - 1);
  }

  /** The span's columns. */
  int columns(int span) {
    return Math.min(span(), inFeatures - from(span));
  }
}
