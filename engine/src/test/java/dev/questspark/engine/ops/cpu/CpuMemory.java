package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;

/** What tests of other packages need from inside the CPU backend. */
public final class CpuMemory {
  private CpuMemory() {}

  /** A tensor of the given dtype, rounded from {@code source}. */
  public static Tensor upload(Backend backend, HostTensor source, DType dtype) {
    Tensor tensor = backend.allocate(dtype, source.rows(), source.cols());
    for (int row = 0; row < source.rows(); row++) {
      for (int col = 0; col < source.cols(); col++) {
        int at = HeapBuffer.at(tensor, row) + col;
        if (dtype == DType.BF16) {
          HeapBuffer.bf16s(tensor)[at] = DType.floatToBf16(source.get(row, col));
        } else {
          HeapBuffer.floats(tensor)[at] = source.get(row, col);
        }
      }
    }
    return tensor;
  }

  /** The backend without native code or the Vector API. */
  public static CpuBackend openPlainJava(BackendOptions options) {
    return CpuBackend.inPlainJava(options);
  }
}
