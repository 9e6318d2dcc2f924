package dev.questspark.engine.model;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Host tensors of numbers that were computed, not stored. */
final class HostFloats {
  private HostFloats() {}

  /** A vector (1, C) of float. */
  static HostTensor vector(String name, float[] values) {
    ByteBuffer data =
        ByteBuffer.allocateDirect(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    data.asFloatBuffer().put(values);
    return new HostTensor(name, DType.F32, 1, values.length, data);
  }
}
