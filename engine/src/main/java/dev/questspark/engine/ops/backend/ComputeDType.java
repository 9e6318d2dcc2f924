package dev.questspark.engine.ops.backend;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;

/**
 * Option {@code dtype}: arithmetic of {@code linear} and element type of the KV cache; on a GPU
 * also of activations.
 */
public enum ComputeDType {
  /** The backend decides, by the checkpoint and by what the hardware multiplies. */
  AUTO,
  FLOAT32,
  /** With float accumulation. */
  BFLOAT16;

  /**
   * Reads the option's text.
   *
   * @throws ConfigException if it is not one of these
   */
  public static ComputeDType parse(String text) {
    return EnumOption.parse(ComputeDType.class, "dtype", text);
  }

  /** The element type, which is {@code automatic} for {@link #AUTO}. */
  public DType or(DType automatic) {
    return switch (this) {
      case AUTO -> automatic;
      case FLOAT32 -> DType.F32;
      case BFLOAT16 -> DType.BF16;
    };
  }

  @Override
  public String toString() {
    return EnumOption.text(this);
  }
}
