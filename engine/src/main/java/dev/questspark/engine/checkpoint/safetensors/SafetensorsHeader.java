package dev.questspark.engine.checkpoint.safetensors;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import dev.questspark.engine.checkpoint.files.GitLfsPointer;
import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The header of one safetensors file: eight bytes of length, a JSON object of that length, then the
 * tensors' bytes back to back. Everything it states is checked against the file's size before any
 * tensor is read.
 */
final class SafetensorsHeader {
  private static final int LENGTH_BYTES = Long.BYTES;

  /** The format's own limit, which keeps a damaged length from allocating the machine. */
  private static final long MAX_HEADER_BYTES = 100_000_000;

  /** Bytes of one element of every whole-byte type that the format knows. */
  private static final Map<String, Integer> ELEMENT_BYTES =
      Map.ofEntries(
          Map.entry("BOOL", 1),
          Map.entry("U8", 1),
          Map.entry("I8", 1),
          Map.entry("F8_E5M2", 1),
          Map.entry("F8_E4M3", 1),
          Map.entry("F8_E8M0", 1),
          Map.entry("I16", 2),
          Map.entry("U16", 2),
          Map.entry("F16", 2),
          Map.entry("BF16", 2),
          Map.entry("I32", 4),
          Map.entry("U32", 4),
          Map.entry("F32", 4),
          Map.entry("I64", 8),
          Map.entry("U64", 8),
          Map.entry("F64", 8),
          Map.entry("C64", 8));

  /**
   * One tensor.
   *
   * @param dtype the format's name of the element type
   * @param shape dimensions; empty for a scalar
   * @param offset first byte, from the start of the file
   * @param bytes length
   */
  record Entry(String name, String dtype, long[] shape, long offset, long bytes) {
    String shapeText() {
      return Arrays.toString(shape);
    }
  }

  private SafetensorsHeader() {}

  /** Reads and checks the header of an open file; entries in file order. */
  static Map<String, Entry> read(Path file, FileChannel channel) throws IOException {
    long fileBytes = channel.size();
    if (fileBytes < LENGTH_BYTES) {
      throw damaged(file, "it has " + fileBytes + " bytes, not even a header length");
    }
    long headerBytes = readFully(channel, 0, LENGTH_BYTES).getLong(0);
    GitLfsPointer.refuse(file, channel);
    if (headerBytes < 2 || headerBytes > Math.min(MAX_HEADER_BYTES, fileBytes - LENGTH_BYTES)) {
      throw damaged(
          file,
          "its header claims "
              + Long.toUnsignedString(headerBytes)
              + " bytes of a file of "
              + fileBytes);
    }
    ByteBuffer header = readFully(channel, LENGTH_BYTES, (int) headerBytes);
    JsonFields json = JsonFields.parse(file, StandardCharsets.UTF_8.decode(header).toString());
    long dataStart = LENGTH_BYTES + headerBytes;
    List<Entry> entries = new ArrayList<>();
    for (String name : json.keys()) {
      if (!name.equals("__metadata__")) {
        JsonFields tensor = json.object(name).orElseThrow(() -> json.bad(name, "an object"));
        entries.add(entry(file, name, tensor, dataStart));
      }
    }
    entries.sort(Comparator.comparingLong(Entry::offset).thenComparingLong(Entry::bytes));
    requireContiguous(file, entries, dataStart, fileBytes);
    Map<String, Entry> byName = new LinkedHashMap<>();
    entries.forEach(entry -> byName.put(entry.name(), entry));
    return byName;
  }

  private static Entry entry(Path file, String name, JsonFields tensor, long dataStart) {
    long[] shape = longs(tensor, "shape");
    long[] offsets = longs(tensor, "data_offsets");
    if (offsets.length != 2 || offsets[1] < offsets[0] || offsets[1] > Long.MAX_VALUE - dataStart) {
      throw tensor.bad("data_offsets", "a begin and an end");
    }
    String dtype = tensor.requireString("dtype");
    long bytes = offsets[1] - offsets[0];
    Integer elementBytes = ELEMENT_BYTES.get(dtype);
    if (elementBytes != null) { // types of other widths are refused when they are asked for
      long expected = elementBytes;
      try {
        for (long dimension : shape) {
          expected = Math.multiplyExact(expected, dimension);
        }
      } catch (ArithmeticException e) {
        throw tensor.bad("shape", "one whose size fits 64 bits");
      }
      if (expected != bytes) {
        throw damaged(
            file,
            "tensor "
                + name
                + " spans "
                + bytes
                + " bytes, but "
                + Arrays.toString(shape)
                + " "
                + dtype
                + " needs "
                + expected);
      }
    }
    return new Entry(name, dtype, shape, dataStart + offsets[0], bytes);
  }

  /** Tensors must tile the data part: no overlap, no hole, nothing beyond the end. */
  private static void requireContiguous(
      Path file, List<Entry> entries, long dataStart, long fileBytes) {
    long end = dataStart;
    String previous = "the header";
    for (Entry entry : entries) {
      if (entry.offset() != end) {
        throw damaged(
            file,
            "tensor "
                + entry.name()
                + " starts at byte "
                + entry.offset()
                + (entry.offset() < end ? " and overlaps " : " with a hole after ")
                + previous
                + ", which ends at "
                + end);
      }
      end = entry.offset() + entry.bytes();
      previous = entry.name();
    }
    if (end != fileBytes) {
      throw damaged(
          file,
          "its tensors end at byte "
              + end
              + ", but the file has "
              + fileBytes
              + (end > fileBytes ? " (truncated)" : " (bytes that no tensor owns)"));
    }
  }

  private static long[] longs(JsonFields tensor, String key) {
    String expected = "a list of whole numbers";
    JsonElement value = tensor.element(key).orElseThrow(() -> tensor.bad(key, expected));
    if (!(value instanceof JsonArray array)) {
      throw tensor.bad(key, expected);
    }
    long[] longs = new long[array.size()];
    for (int i = 0; i < longs.length; i++) {
      try {
        longs[i] = ((JsonPrimitive) array.get(i)).getAsBigDecimal().longValueExact();
      } catch (ArithmeticException | NumberFormatException | ClassCastException e) {
        throw tensor.bad(key, expected);
      }
      if (longs[i] < 0) {
        throw tensor.bad(key, expected);
      }
    }
    return longs;
  }

  private static ByteBuffer readFully(FileChannel channel, long position, int bytes)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, position + buffer.position()) < 0) {
        throw new IOException("the file became shorter while it was read");
      }
    }
    return buffer.flip();
  }

  private static ConfigException damaged(Path file, String what) {
    return new ConfigException(
        file + " is not a whole safetensors file: " + what + "; copy the file again");
  }
}
