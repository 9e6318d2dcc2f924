package dev.questspark.engine.real;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** Writes tensors as a safetensors file in float32, or rounded to bfloat16. */
final class FloatFolder {
  private static final int ROWS = 512;

  private FloatFolder() {}

  static void write(Path file, DType dtype, List<HostTensor> tensors) throws IOException {
    JsonObject header = new JsonObject();
    long end = 0;
    for (HostTensor tensor : tensors) {
      JsonArray shape = new JsonArray();
      if (!tensor.name().contains("norm")) {
        shape.add(tensor.rows());
      }
      shape.add(tensor.cols());
      JsonArray offsets = new JsonArray();
      offsets.add(end);
      end += (long) tensor.rows() * tensor.cols() * dtype.bytes();
      offsets.add(end);
      JsonObject entry = new JsonObject();
      entry.addProperty("dtype", dtype.name());
      entry.add("shape", shape);
      entry.add("data_offsets", offsets);
      header.add(tensor.name(), entry);
    }
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    try (FileChannel out =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      ByteBuffer start = ByteBuffer.allocate(8 + json.length).order(ByteOrder.LITTLE_ENDIAN);
      write(out, start.putLong(json.length).put(json).flip());
      for (HostTensor tensor : tensors) {
        if (tensor.dtype() != DType.F32) {
          throw new IllegalArgumentException(tensor.name() + " is " + tensor.dtype());
        }
        for (int row = 0; row < tensor.rows(); row += ROWS) {
          ByteBuffer rows = tensor.bytes(row, Math.min(ROWS, tensor.rows() - row));
          write(out, dtype == DType.F32 ? rows : rounded(rows));
        }
      }
    }
  }

  private static ByteBuffer rounded(ByteBuffer floats) {
    ByteBuffer rounded = ByteBuffer.allocate(floats.remaining() / 2).order(ByteOrder.LITTLE_ENDIAN);
    while (rounded.hasRemaining()) {
      rounded.putShort(DType.floatToBf16(floats.getFloat(2 * rounded.position())));
    }
    return rounded.flip();
  }

  private static void write(FileChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }
}
