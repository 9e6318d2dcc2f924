package dev.questspark.engine.ops;

import java.util.List;

/**
 * Argument checks that the ops of every backend share: one sentence with the tensor's name, its
 * shape and the expected one.
 */
public final class OpArguments {
  private OpArguments() {}

  /** Requires at least {@code rows} rows and exactly {@code cols} columns. */
  public static void require(String name, Tensor tensor, int rows, int cols) {
    if (tensor.rows() < rows || tensor.cols() != cols) {
      throw new IllegalArgumentException(
          name
              + " is ("
              + tensor.rows()
              + ", "
              + tensor.cols()
              + "), expected ("
              + rows
              + " or more, "
              + cols
              + ")");
    }
  }

  /** Query heads Hq of q (R, Hq * D): a multiple of the KV heads. */
  public static int queryHeads(Tensor q, KvLayer kv) {
    return queryHeadsPerKvHead(q, kv) * kv.geometry().kvHeads();
  }

  /** Query heads per KV head of q (R, Hq * D). */
  public static int queryHeadsPerKvHead(Tensor q, KvLayer kv) {
    int kvColumns = kv.geometry().kvHeads() * kv.geometry().headDim();
    if (q.cols() == 0 || q.cols() % kvColumns != 0) {
      throw new IllegalArgumentException(
          "q has "
              + q.cols()
              + " columns, which is no multiple of "
              + kv.geometry().kvHeads()
              + " KV heads of "
              + kv.geometry().headDim()
              + " channels");
    }
    return q.cols() / kvColumns;
  }

  /** Requires that the batch has the rows. */
  public static void requireRows(RowRange rows, RaggedBatch batch) {
    if (rows.to() > batch.rows()) {
      throw new IllegalArgumentException(
          "rows end at " + rows.to() + " in a batch of " + batch.rows());
    }
  }

  /** Rows of all parts of a fused weight; every part must have the first one's columns. */
  public static int outFeatures(List<HostTensor> weights) {
    int rows = 0;
    for (HostTensor weight : weights) {
      if (weight.cols() != weights.get(0).cols()) {
        throw new IllegalArgumentException(
            weight.name()
                + " has "
                + weight.cols()
                + " columns, "
                + weights.get(0).name()
                + " has "
                + weights.get(0).cols()
                + "; fused weights read the same input");
      }
      rows = Math.addExact(rows, weight.rows());
    }
    return rows;
  }

  /** Requires no biases, or one of as many columns for each part's rows. */
  public static void requireBiases(List<HostTensor> weights, List<HostTensor> biases) {
    if (!biases.isEmpty() && biases.size() != weights.size()) {
      throw new IllegalArgumentException(
          biases.size() + " biases for " + weights.size() + " fused weights");
    }
    for (int i = 0; i < biases.size(); i++) {
      HostTensor part = biases.get(i);
      if (part.rows() != 1 || part.cols() != weights.get(i).rows()) {
        throw new IllegalArgumentException(
            part.name()
                + " is ("
                + part.rows()
                + ", "
                + part.cols()
                + "), expected (1, "
                + weights.get(i).rows()
                + ") for "
                + weights.get(i).name());
      }
    }
  }

  /** Requires that the tensor has the row, and the target room for it. */
  public static void requireRow(Tensor source, int row, float[] target) {
    if (row < 0 || row >= source.rows() || target.length < source.cols()) {
      throw new IllegalArgumentException(
          "row "
              + row
              + " of ("
              + source.rows()
              + ", "
              + source.cols()
              + ") into an array of "
              + target.length);
    }
  }
}
