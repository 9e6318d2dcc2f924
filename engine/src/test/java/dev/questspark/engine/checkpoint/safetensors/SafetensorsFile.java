package dev.questspark.engine.checkpoint.safetensors;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.questspark.engine.ops.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Writes a safetensors file tensor by tensor, and lets a test bend its header. */
final class SafetensorsFile {
  private final JsonObject header = new JsonObject();
  private byte[] data = new byte[0];

  /** Adds a tensor whose element i is {@code i % 7 - 3}, exact in every dtype. */
  SafetensorsFile add(String name, DType dtype, int... shape) {
    int elements = 1;
    JsonArray dimensions = new JsonArray();
    for (int dimension : shape) {
      elements *= dimension;
      dimensions.add(dimension);
    }
    ByteBuffer bytes = ByteBuffer.allocate(elements * dtype.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < elements; i++) {
      put(bytes, dtype, value(i));
    }
    JsonObject entry = new JsonObject();
    entry.addProperty("dtype", dtype.name());
    entry.add("shape", dimensions);
    JsonArray offsets = new JsonArray();
    offsets.add(data.length);
    offsets.add(data.length + bytes.capacity());
    entry.add("data_offsets", offsets);
    header.add(name, entry);
    byte[] longer = Arrays.copyOf(data, data.length + bytes.capacity());
    System.arraycopy(bytes.array(), 0, longer, data.length, bytes.capacity());
    data = longer;
    return this;
  }

  static float value(int index) {
    return index % 7 - 3;
  }

  private static void put(ByteBuffer bytes, DType dtype, float value) {
    switch (dtype) {
      case F32 -> bytes.putFloat(value);
      case BF16 -> bytes.putShort(DType.floatToBf16(value));
      case F16 -> bytes.putShort(half((int) value));
    }
  }

  /** IEEE half of an integer from -3 to 3. */
  private static short half(int value) {
    short[] magnitudes = {0, 0x3c00, 0x4000, 0x4200};
    return (short) (magnitudes[Math.abs(value)] | (value < 0 ? 0x8000 : 0));
  }

  /** The header's entry of a tensor, to be changed. */
  JsonObject entry(String name) {
    return header.getAsJsonObject(name);
  }

  JsonObject header() {
    return header;
  }

  byte[] bytes() {
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    ByteBuffer file =
        ByteBuffer.allocate(8 + json.length + data.length).order(ByteOrder.LITTLE_ENDIAN);
    return file.putLong(json.length).put(json).put(data).array();
  }

  Path write(Path file) throws IOException {
    return Files.write(file, bytes());
  }
}
