package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.OpArguments;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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

  /** Copies one row, widened to float. */
  public static void row(HostTensor source, int row, float[] target, int at) {
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
