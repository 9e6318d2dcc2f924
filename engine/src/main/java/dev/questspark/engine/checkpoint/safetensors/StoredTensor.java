package dev.questspark.engine.checkpoint.safetensors;

import dev.questspark.engine.checkpoint.files.MappedRegion;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * A tensor of a safetensors file as it is stored.
 *
 * @param dtype the format's name of the element type
 * @param shape dimensions; empty for a scalar
 */
public record StoredTensor(
    Path file, String name, String dtype, long[] shape, MappedRegion region) {

  /** Number of elements. */
  public int elements() {
    long elements = 1;
    for (long dimension : shape) {
      elements *= dimension;
    }
    return Math.toIntExact(elements);
  }

  /** Dimension {@code i}; 1 for one that is not there. */
  public int dimension(int i) {
    return i < shape.length ? Math.toIntExact(shape[i]) : 1;
  }

  /** All elements of a float tensor, widened; for scales and other small ones. */
  public float[] floats() {
    float[] floats = new float[elements()];
    ByteBuffer bytes = region.bytes(0, Math.toIntExact(region.bytes()));
    for (int i = 0; i < floats.length; i++) {
      floats[i] =
          switch (dtype) {
            case "F32" -> bytes.getFloat(4 * i);
            case "BF16" -> DType.bf16ToFloat(bytes.getShort(2 * i));
            case "F16" -> DType.f16ToFloat(bytes.getShort(2 * i));
            default -> throw wrong("is " + dtype + "; it must be F32, BF16 or F16");
          };
    }
    return floats;
  }

  /** All elements of a tensor of small integers. */
  public int[] integers() {
    int[] integers = new int[elements()];
    ByteBuffer bytes = region.bytes(0, Math.toIntExact(region.bytes()));
    for (int i = 0; i < integers.length; i++) {
      integers[i] =
          switch (dtype) {
            case "I32" -> bytes.getInt(4 * i);
            case "I64" -> Math.toIntExact(bytes.getLong(8 * i));
            case "I8" -> bytes.get(i);
            case "U8" -> bytes.get(i) & 0xff;
            default -> throw wrong("is " + dtype + "; it must be of integers");
          };
    }
    return integers;
  }

  /**
   * @throws ConfigException unless the element type is one of these
   */
  public StoredTensor of(String... dtypes) {
    if (!Arrays.asList(dtypes).contains(dtype)) {
      throw wrong("is " + dtype + "; it must be " + String.join(" or ", dtypes));
    }
    return this;
  }

  /**
   * @throws ConfigException unless the shape is this
   */
  public StoredTensor shaped(long... expected) {
    if (!Arrays.equals(shape, expected)) {
      throw wrong(
          "is " + Arrays.toString(shape) + "; the model expects " + Arrays.toString(expected));
    }
    return this;
  }

  /** Something about it is not as it must be. */
  public ConfigException wrong(String what) {
    return new ConfigException(file + ": tensor " + name + " " + what);
  }
}
