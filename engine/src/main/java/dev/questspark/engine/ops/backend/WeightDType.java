package dev.questspark.engine.ops.backend;

import dev.questspark.engine.failure.ConfigException;

/** Option {@code weight_dtype}: how a CPU keeps the weights of {@code linear}. */
public enum WeightDType {
  /** As {@link ComputeDType}, or the checkpoint's bfloat16 under float32. */
  AUTO,
  /** 8 bits, with a scale per output channel. */
  INT8;

  /**
   * Reads the option's text.
   *
   * @throws ConfigException if it is not one of these
   */
  public static WeightDType parse(String text) {
    return EnumOption.parse(WeightDType.class, "weight_dtype", text);
  }

  @Override
  public String toString() {
    return EnumOption.text(this);
  }
}
