package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.OpArguments;
import java.nio.ByteBuffer;
import java.nio.ShortBuffer;
import java.util.List;

/** Reads checkpoint tensors as floats. */
public final class WeightRows {
  private WeightRows() {}

  /** The biases back to back, zeros when there are none. */
  static float[] bias(List<HostTensor> weights, List<HostTensor> biases) {
    OpArguments.requireBiases(weights, biases);
    float[] bias = new float[OpArguments.outFeatures(weights)];
    int at = 0;
    for (HostTensor part : biases) {
      row(part, 0, bias, at);
      at += part.cols();
    }
    return bias;
  }

  /** Rows {@code from} to {@code from + count} of weights that stand below each other are read. */
  static void giveBack(List<HostTensor> weights, int from, int count) {
    int start = 0;
    for (HostTensor weight : weights) {
      int first = Math.max(from, start);
      int end = Math.min(from + count, start + weight.rows());
      if (first < end) {
        weight.giveBack(first - start, end - first);
      }
      start += weight.rows();
    }
  }

  /** Copies one row, widened to float. */
  public static void row(HostTensor source, int row, float[] target, int at) {
    rows(source, source.bytes(row, 1), target, at);
  }

  /** Widens the bytes of some rows to float. */
  static void rows(HostTensor source, ByteBuffer bytes, float[] target, int at) {
    int count = bytes.limit() / source.dtype().bytes();
    if (source.dtype() == DType.F32) {
      bytes.asFloatBuffer().get(target, at, count);
      return;
    }
    ShortBuffer shorts = bytes.asShortBuffer();
    boolean bf16 = source.dtype() == DType.BF16;
    for (int i = 0; i < count; i++) {
      short bits = shorts.get(i);
      target[at + i] = bf16 ? DType.bf16ToFloat(bits) : DType.f16ToFloat(bits);
    }
  }
}
