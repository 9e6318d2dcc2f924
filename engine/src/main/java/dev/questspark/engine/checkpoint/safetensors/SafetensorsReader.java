package dev.questspark.engine.checkpoint.safetensors;

import dev.questspark.engine.checkpoint.files.Checkpoint;
import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.checkpoint.files.MappedRegion;
import dev.questspark.engine.checkpoint.files.MappedTensor;
import dev.questspark.engine.checkpoint.safetensors.SafetensorsHeader.Entry;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The tensors of a model folder: {@code model.safetensors}, or the shards that {@code
 * model.safetensors.index.json} names. All headers are checked at open; a tensor's bytes are mapped
 * when it is asked for, each in its own {@link MappedRegion}, so that a mapping can go as soon as
 * its tensor is packed and forgotten.
 */
public final class SafetensorsReader implements Checkpoint {
  private static final Map<String, DType> PLAIN =
      Map.of("BF16", DType.BF16, "F16", DType.F16, "F32", DType.F32);
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";

  /** An open file and its tensors. */
  private record Shard(Path file, FileChannel channel, Map<String, Entry> entries) {}

  private final Path folder;
  private final Map<Path, Shard> shards = new LinkedHashMap<>();
  private final Map<String, Shard> shardOf = new HashMap<>();
  private final Set<String> read = new LinkedHashSet<>();

  private SafetensorsReader(Path folder) {
    this.folder = folder;
  }

  /** Opens the folder's checkpoint and checks every header. */
  public static SafetensorsReader open(Path folder) {
    SafetensorsReader reader = new SafetensorsReader(folder);
    try {
      reader.openFiles();
      return reader;
    } catch (Throwable failure) {
      reader.close();
      throw failure;
    }
  }

  private void openFiles() {
    if (Files.isRegularFile(folder.resolve(SINGLE))) {
      Shard shard = openShard(folder.resolve(SINGLE));
      shard.entries().keySet().forEach(name -> shardOf.put(name, shard));
    } else if (Files.isRegularFile(folder.resolve(INDEX))) {
      openShards(JsonFields.read(folder.resolve(INDEX)));
    } else {
      throw new ConfigException(
          folder
              + " holds neither "
              + SINGLE
              + " nor "
              + INDEX
              + "; save the model in the safetensors format");
    }
  }

  private void openShards(JsonFields index) {
    JsonFields weightMap =
        index
            .object("weight_map")
            .orElseThrow(
                () -> new ConfigException(index.file() + ": weight_map is missing; copy it again"));
    for (String name : weightMap.keys()) {
      String fileName = weightMap.requireString(name);
      Path file = folder.resolve(fileName).normalize();
      if (!folder.normalize().equals(file.getParent())) {
        throw weightMap.bad(name, "a file of the model folder");
      }
      Shard shard = shards.containsKey(file) ? shards.get(file) : openShard(file);
      if (!shard.entries().containsKey(name)) {
        throw new ConfigException(
            file + " lacks tensor " + name + ", which " + INDEX + " places there; copy both again");
      }
      shardOf.put(name, shard);
    }
  }

  private Shard openShard(Path file) {
    if (!Files.isRegularFile(file)) {
      throw new ConfigException(
          file + " is missing, though " + INDEX + " names it; copy all shards");
    }
    try {
      FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
      shards.put(file, new Shard(file, channel, Map.of())); // owned from here on
      Shard shard = new Shard(file, channel, SafetensorsHeader.read(file, channel));
      shards.put(file, shard);
      return shard;
    } catch (IOException e) {
      throw new ConfigException(file + " cannot be read: " + e.getMessage(), e);
    }
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(shardOf.keySet());
  }

  @Override
  public Set<String> unread() {
    Set<String> names = new LinkedHashSet<>(shardOf.keySet());
    names.removeAll(read);
    return names;
  }

  @Override
  public HostTensor vector(String name, int length) {
    return tensor(name, length);
  }

  @Override
  public HostTensor matrix(String name, int rows, int cols) {
    return tensor(name, rows, cols);
  }

  private HostTensor tensor(String name, int... shape) {
    Shard shard = shardOf.get(name);
    if (shard == null) {
      throw new ConfigException(
          folder
              + " lacks tensor "
              + name
              + ", expected "
              + Arrays.toString(shape)
              + " by config.json; is the checkpoint complete and of that architecture?");
    }
    Entry entry = shard.entries().get(name);
    long[] expected = Arrays.stream(shape).asLongStream().toArray();
    if (!Arrays.equals(entry.shape(), expected)) {
      throw wrong(
          shard,
          entry,
          "is " + entry.shapeText() + "; config.json expects " + Arrays.toString(shape));
    }
    DType dtype = dtype(shard, entry);
    MappedRegion mapped = map(shard, entry);
    read.add(name);
    int rows = shape.length == 1 ? 1 : shape[0];
    int cols = shape[shape.length - 1];
    return new HostTensor(name, dtype, rows, cols, new MappedTensor(mapped, cols * dtype.bytes()));
  }

  /**
   * A tensor as it is stored, whatever its type and shape.
   *
   * @throws ConfigException if it cannot be mapped
   */
  public Optional<StoredTensor> stored(String name) {
    Shard shard = shardOf.get(name);
    if (shard == null) {
      return Optional.empty();
    }
    Entry entry = shard.entries().get(name);
    read.add(name);
    return Optional.of(
        new StoredTensor(shard.file(), name, entry.dtype(), entry.shape(), map(shard, entry)));
  }

  private static MappedRegion map(Shard shard, Entry entry) {
    try {
      return MappedRegion.map(shard.channel(), entry.offset(), entry.bytes());
    } catch (IOException e) {
      throw new ConfigException(shard.file() + " cannot be mapped: " + e.getMessage(), e);
    }
  }

  /** What to say of a tensor that is not there. */
  public ConfigException lacking(String name) {
    return new ConfigException(
        folder + " lacks tensor " + name + "; is the checkpoint complete and of that kind?");
  }

  /** Whether a tensor is there in one of the types that need no scale beside them. */
  public boolean isPlain(String name) {
    Shard shard = shardOf.get(name);
    return shard != null && PLAIN.containsKey(shard.entries().get(name).dtype());
  }

  private static DType dtype(Shard shard, Entry entry) {
    DType plain = PLAIN.get(entry.dtype());
    if (plain == null) {
      throw wrong(shard, entry, "is " + entry.dtype() + "; BF16, F16 and F32 are read");
    }
    return plain;
  }

  private static ConfigException wrong(Shard shard, Entry entry, String what) {
    return new ConfigException(shard.file() + ": tensor " + entry.name() + " " + what);
  }

  /** Nothing to say: the bytes are the weights. */
  @Override
  public String format() {
    return "";
  }

  @Override
  public void close() {
    for (Shard shard : shards.values()) {
      try {
        shard.channel().close();
      } catch (IOException e) {
        throw new ConfigException(shard.file() + " cannot be closed: " + e.getMessage(), e);
      }
    }
    shards.clear();
  }
}
