package dev.questspark.engine.checkpoint.gguf;

import dev.questspark.engine.checkpoint.files.Checkpoint;
import dev.questspark.engine.checkpoint.files.MappedRegion;
import dev.questspark.engine.checkpoint.files.MappedTensor;
import dev.questspark.engine.checkpoint.gguf.GgufFile.Entry;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * The weights of a GGUF file under Hugging Face's names and in its order of rows. Blocks are
 * widened to float, exactly, while their rows are read.
 */
final class GgufCheckpoint implements Checkpoint {
  private final GgufFile gguf;
  private final FileChannel channel;
  private final GgufNames names;
  private final Map<String, Entry> entries = new LinkedHashMap<>();
  private final Set<String> read = new LinkedHashSet<>();

  private GgufCheckpoint(GgufFile gguf, FileChannel channel, GgufNames names) {
    this.gguf = gguf;
    this.channel = channel;
    this.names = names;
    gguf.entries().values().forEach(entry -> entries.put(names.huggingFace(entry.name()), entry));
  }

  static GgufCheckpoint open(GgufFile gguf, GgufNames names) {
    try {
      FileChannel channel = FileChannel.open(gguf.file(), StandardOpenOption.READ);
      return new GgufCheckpoint(gguf, channel, names);
    } catch (IOException e) {
      throw new ConfigException(gguf.file() + " cannot be read: " + e.getMessage(), e);
    }
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(entries.keySet());
  }

  @Override
  public Set<String> unread() {
    Set<String> unread = new LinkedHashSet<>(entries.keySet());
    unread.removeAll(read);
    unread.remove(GgufNames.ROPE_FACTORS); // read with the configuration
    return unread;
  }

  @Override
  public HostTensor vector(String name, int length) {
    return tensor(name, 1, length);
  }

  @Override
  public HostTensor matrix(String name, int rows, int cols) {
    return tensor(name, rows, cols);
  }

  private HostTensor tensor(String name, int rows, int cols) {
    Entry entry = entries.get(name);
    if (entry == null) {
      throw new ConfigException(
          gguf.file() + " lacks " + name + "; is the file complete and of that architecture?");
    }
    if (entry.rows() != rows || entry.cols() != cols) {
      throw new ConfigException(
          "%s: tensor %s is [%d, %d]; its metadata expects [%d, %d]"
              .formatted(gguf.file(), entry.name(), entry.rows(), entry.cols(), rows, cols));
    }
    try {
      MappedRegion region = MappedRegion.map(channel, entry.offset(), entry.bytes());
      read.add(name);
      return tensor(name, entry, region);
    } catch (IOException e) {
      throw new ConfigException(gguf.file() + " cannot be mapped: " + e.getMessage(), e);
    }
  }

  private HostTensor tensor(String name, Entry entry, MappedRegion region) {
    int rows = (int) entry.rows();
    int cols = (int) entry.cols();
    int rowBytes = Math.toIntExact(entry.type().rowBytes(cols));
    MappedTensor stored = new MappedTensor(region, rowBytes);
    HostTensor.Rows source =
        entry.type().plain().isPresent() ? stored : new Widened(stored, entry.type());
    DType dtype = entry.type().plain().orElse(DType.F32);
    int heads = names.interleavedHeads(entry.name());
    if (heads > 0 && rows > 1) {
      source = new Deinterleaved(source, rows / heads);
    } else if (heads > 0) {
      return deinterleaved(name, new HostTensor(name, dtype, 1, cols, source), cols / heads);
    }
    return new HostTensor(name, dtype, rows, cols, source);
  }

  /** Rows of blocks, widened to float. */
  private record Widened(MappedTensor stored, GgufType type) implements HostTensor.Rows {
    @Override
    public Optional<ByteBuffer> view(int from, int count) {
      return Optional.empty();
    }

    @Override
    public void read(int from, int count, ByteBuffer target) {
      int rowBytes = stored.rowBytes();
      for (int row = from; row < from + count; row++) {
        type.widen(stored.region().bytes((long) row * rowBytes, rowBytes), target);
      }
    }

    @Override
    public void giveBack() {
      stored.giveBack();
    }
  }

  /**
   * Rows of a query or key projection. The file has the two halves of each head's rows interleaved,
   * for a rotation of neighbours; the engine rotates halves, as Hugging Face does.
   */
  private record Deinterleaved(HostTensor.Rows stored, int headRows) implements HostTensor.Rows {
    @Override
    public Optional<ByteBuffer> view(int from, int count) {
      return count == 1 ? stored.view(storedRow(from, headRows), 1) : Optional.empty();
    }

    @Override
    public void read(int from, int count, ByteBuffer target) {
      for (int row = from; row < from + count; row++) {
        stored.read(storedRow(row, headRows), 1, target);
      }
    }

    @Override
    public void giveBack() {
      stored.giveBack();
    }
  }

  private static int storedRow(int row, int headRows) {
    int inHead = row % headRows;
    int half = headRows / 2;
    return row - inHead + inHead % half * 2 + inHead / half;
  }

  /** The same of a bias, whose elements are what a weight's rows are. */
  private static HostTensor deinterleaved(String name, HostTensor stored, int headRows) {
    ByteBuffer from = stored.bytes(0, 1);
    ByteBuffer to = ByteBuffer.allocate(stored.cols() * Float.BYTES).order(from.order());
    for (int i = 0; i < stored.cols(); i++) {
      to.putFloat(stored.element(from, storedRow(i, headRows)));
    }
    return new HostTensor(name, DType.F32, 1, stored.cols(), to.flip());
  }

  /** The types of the matrices and how many have each; vectors are always plain. */
  @Override
  public String format() {
    Map<GgufType, Integer> matrices = new TreeMap<>();
    entries.values().stream()
        .filter(entry -> entry.rows() > 1)
        .forEach(entry -> matrices.merge(entry.type(), 1, Integer::sum));
    return "GGUF, matrices in " + matrices + ", widened exactly to float32";
  }

  @Override
  public void close() {
    try {
      channel.close();
    } catch (IOException e) {
      throw new ConfigException(gguf.file() + " cannot be closed: " + e.getMessage(), e);
    }
  }
}
