package dev.questspark.engine.checkpoint.gguf;

import dev.questspark.engine.checkpoint.files.MappedRegion;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A GGUF file, version 2 or 3: a header with metadata and the list of tensors, then the tensors'
 * bytes (github.com/ggml-org/ggml, docs/gguf.md). Everything the header states is checked against
 * the file's size before any tensor is read.
 */
final class GgufFile {
  private static final int MAGIC = 0x46554747; // "GGUF", little-endian
  private static final int DEFAULT_ALIGNMENT = 32;
  private static final int MAX_DIMENSIONS = 4;
  private static final String ALIGNMENT = "general.alignment";

  /**
   * The metadata of the largest vocabularies takes some MiB; the rest of a mapping costs nothing.
   */
  private static final long MAX_HEADER_BYTES = 1L << 30;

  /**
   * One tensor.
   *
   * @param type of its blocks
   * @param rows product of all dimensions but the innermost
   * @param cols the innermost dimension
   * @param offset first byte, from the start of the file
   */
  record Entry(String name, GgufType type, long rows, long cols, long offset) {
    long bytes() {
      return rows * type.rowBytes(cols);
    }
  }

  private final Path file;
  private final GgufMetadata metadata;
  private final Map<String, Entry> entries = new LinkedHashMap<>();

  private GgufFile(Path file, GgufMetadata metadata) {
    this.file = file;
    this.metadata = metadata;
  }

  /** Reads the header. */
  static GgufFile read(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      long bytes = channel.size();
      int mapped = (int) Math.min(bytes, MAX_HEADER_BYTES);
      GgufCursor cursor = new GgufCursor(file, MappedRegion.map(channel, 0, mapped));
      return read(file, cursor, bytes);
    } catch (IOException e) {
      throw new ConfigException(file + " cannot be read: " + e.getMessage(), e);
    }
  }

  /** Whether a file begins as this format does. */
  static boolean isGguf(Path file) {
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      ByteBuffer start = ByteBuffer.allocate(Integer.BYTES);
      channel.read(start, 0);
      return !start.hasRemaining() && Integer.reverseBytes(start.getInt(0)) == MAGIC;
    } catch (IOException e) {
      throw new ConfigException(file + " cannot be read: " + e.getMessage(), e);
    }
  }

  private static GgufFile read(Path file, GgufCursor cursor, long fileBytes) {
    if (cursor.uint32() != MAGIC) {
      throw new ConfigException(file + " is no GGUF file; check --model");
    }
    long version = cursor.uint32();
    if (version != 2 && version != 3) {
      throw new ConfigException(
          file + " is GGUF version " + version + "; 2 and 3 are read, convert the model again");
    }
    long tensors = cursor.count("tensors");
    long pairs = cursor.count("metadata keys");
    Map<String, Object> values = new LinkedHashMap<>();
    for (long i = 0; i < pairs; i++) {
      String key = cursor.text();
      values.put(key, cursor.value((int) cursor.uint32()));
    }
    GgufFile read = new GgufFile(file, new GgufMetadata(file, values));
    read.entries(cursor, tensors, fileBytes);
    return read;
  }

  private void entries(GgufCursor cursor, long tensors, long fileBytes) {
    for (long i = 0; i < tensors; i++) {
      String name = cursor.text();
      int dimensions = (int) cursor.uint32();
      if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
        throw cursor.damaged("tensor " + name + " has " + dimensions + " dimensions");
      }
      long cols = cursor.count("columns of " + name);
      long rows = 1;
      for (int d = 1; d < dimensions; d++) {
        rows = Math.multiplyExact(rows, cursor.count("rows of " + name));
      }
      GgufType type = GgufType.of(file, name, (int) cursor.uint32());
      entries.put(name, new Entry(name, type, rows, cols, cursor.int64()));
    }
    int alignment = metadata.intOr(ALIGNMENT, DEFAULT_ALIGNMENT);
    long dataStart = (cursor.at() + alignment - 1) / alignment * alignment;
    for (Entry entry : entries.values()) {
      Entry placed =
          new Entry(
              entry.name(), entry.type(), entry.rows(), entry.cols(), dataStart + entry.offset());
      if (entry.cols() % entry.type().elements() != 0
          || entry.offset() < 0
          || placed.offset() + placed.bytes() > fileBytes) {
        throw cursor.damaged(
            "tensor "
                + entry.name()
                + " ends at byte "
                + (placed.offset() + placed.bytes())
                + " of "
                + fileBytes);
      }
      entries.put(entry.name(), placed);
    }
  }

  Path file() {
    return file;
  }

  GgufMetadata metadata() {
    return metadata;
  }

  /** Tensors by the file's own names, in file order. */
  Map<String, Entry> entries() {
    return entries;
  }
}
