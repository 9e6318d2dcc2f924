package dev.questspark.engine.checkpoint.gguf;

import dev.questspark.engine.checkpoint.files.MappedRegion;
import dev.questspark.engine.failure.ConfigException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Reads the values of a GGUF header one behind the other, never beyond its end. */
final class GgufCursor {
  private static final int STRING = 8;
  private static final int ARRAY = 9;

  private final Path file;
  private final MappedRegion bytes;
  private long at;

  GgufCursor(Path file, MappedRegion bytes) {
    this.file = file;
    this.bytes = bytes;
  }

  /** Bytes read so far. */
  long at() {
    return at;
  }

  private ByteBuffer take(long count) {
    if (count < 0 || count > Integer.MAX_VALUE || at + count > bytes.bytes()) {
      throw damaged("its header ends at byte " + bytes.bytes() + " and states more");
    }
    ByteBuffer taken = bytes.bytes(at, (int) count);
    at += count;
    return taken;
  }

  long uint32() {
    return take(Integer.BYTES).getInt(0) & 0xffffffffL;
  }

  long int64() {
    return take(Long.BYTES).getLong(0);
  }

  /** A number of things, each of which takes at least a byte somewhere. */
  long count(String what) {
    long count = int64();
    if (count < 0 || count > 1L << 40) {
      throw damaged("it states " + Long.toUnsignedString(count) + " " + what);
    }
    return count;
  }

  String text() {
    return StandardCharsets.UTF_8.decode(take(int64())).toString();
  }

  /** A metadata value of a kind: Boolean, Long, Double, String, or a list of one of them. */
  Object value(int kind) {
    return switch (kind) {
      case 0 -> take(1).get(0) & 0xffL;
      case 1 -> (long) take(1).get(0);
      case 2 -> take(2).getShort(0) & 0xffffL;
      case 3 -> (long) take(2).getShort(0);
      case 4 -> uint32();
      case 5 -> (long) take(4).getInt(0);
      case 6 -> asWritten(take(4).getFloat(0));
      case 7 -> take(1).get(0) != 0;
      case STRING -> text();
      case ARRAY -> array();
      case 10, 11 -> int64();
      case 12 -> take(8).getDouble(0);
      default -> throw damaged("a metadata value is of the unknown kind " + kind);
    };
  }

  /** The decimal number that was rounded to this float: 1e-5, and not 9.99999974e-6. */
  private static double asWritten(float value) {
    return Double.parseDouble(Float.toString(value));
  }

  private List<Object> array() {
    int kind = (int) uint32();
    long count = count("values of a list");
    List<Object> values = new ArrayList<>();
    for (long i = 0; i < count; i++) {
      values.add(value(kind));
    }
    return values;
  }

  ConfigException damaged(String what) {
    return new ConfigException(
        file + " is not a whole GGUF file: " + what + "; copy the file again");
  }
}
