package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.ShortBuffer;
import java.util.List;

/**
 * Reads checkpoint tensors as floats, and checks the parts of a fused weight against each other.
 */
final class WeightRows {
  private WeightRows() {}

  /** Rows of all parts; every part must have the first one's columns. */
  static int outFeatures(List<HostTensor> weights) {
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

  /** The biases back to back, zeros when there are none. */
  static float[] bias(List<HostTensor> weights, List<HostTensor> biases) {
    float[] bias = new float[outFeatures(weights)];
    if (biases.isEmpty()) {
      return bias;
    }
    if (biases.size() != weights.size()) {
      throw new IllegalArgumentException(
          biases.size() + " biases for " + weights.size() + " fused weights");
    }
    int at = 0;
    for (int i = 0; i < weights.size(); i++) {
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
      row(part, 0, bias, at);
      at += part.cols();
    }
    return bias;
  }

  /** Copies one row, widened to float. */
  static void row(HostTensor source, int row, float[] target, int at) {
    int cols = source.cols();
    long from = (long) row * cols * source.dtype().bytes();
    ByteBuffer bytes = source.data().duplicate().order(ByteOrder.LITTLE_ENDIAN);
    bytes.position(Math.toIntExact(from));
    if (source.dtype() == DType.F32) {
      bytes.asFloatBuffer().get(target, at, cols);
      return;
    }
    ShortBuffer shorts = bytes.asShortBuffer();
    boolean bf16 = source.dtype() == DType.BF16;
    for (int i = 0; i < cols; i++) {
      short bits = shorts.get(i);
      target[at + i] = bf16 ? DType.bf16ToFloat(bits) : DType.f16ToFloat(bits);
    }
  }
}
