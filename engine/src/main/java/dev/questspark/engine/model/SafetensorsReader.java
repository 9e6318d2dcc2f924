package dev.questspark.engine.model;

import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.SafetensorsHeader.Entry;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.io.IOException;
import java.nio.ByteOrder;
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
import java.util.Set;

/**
 * The tensors of a model folder: {@code model.safetensors}, or the shards that {@code
 * model.safetensors.index.json} names. All headers are checked at open; a tensor's bytes are mapped
 * when it is asked for, each in its own mapping, so that files may exceed 2 GiB and a mapping can
 * go as soon as its tensor is packed and forgotten. The pages of a mapping are clean file cache,
 * which the system may take back at any time.
 */
public final class SafetensorsReader implements AutoCloseable {
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

  /** Names of all tensors. */
  public Set<String> names() {
    return Collections.unmodifiableSet(shardOf.keySet());
  }

  /** Names of the tensors that nobody has asked for yet. */
  public Set<String> unread() {
    Set<String> names = new LinkedHashSet<>(shardOf.keySet());
    names.removeAll(read);
    return names;
  }

  /** The vector (length), as one row. */
  public HostTensor vector(String name, int length) {
    return tensor(name, length);
  }

  /** The matrix (rows, cols). */
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
    if (entry.bytes() > Integer.MAX_VALUE) {
      throw wrong(
          shard,
          entry,
          "has "
              + entry.bytes()
              + " bytes; at most "
              + Integer.MAX_VALUE
              + " can be mapped at once, save the model in bfloat16");
    }
    DType dtype = dtype(shard, entry);
    try {
      var mapped =
          shard.channel().map(FileChannel.MapMode.READ_ONLY, entry.offset(), entry.bytes());
      read.add(name);
      int rows = shape.length == 1 ? 1 : shape[0];
      return new HostTensor(
          name, dtype, rows, shape[shape.length - 1], mapped.order(ByteOrder.LITTLE_ENDIAN));
    } catch (IOException e) {
      throw new ConfigException(shard.file() + " cannot be mapped: " + e.getMessage(), e);
    }
  }

  private static DType dtype(Shard shard, Entry entry) {
    return switch (entry.dtype()) {
      case "BF16" -> DType.BF16;
      case "F16" -> DType.F16;
      case "F32" -> DType.F32;
      default -> throw wrong(shard, entry, "is " + entry.dtype() + "; BF16, F16 and F32 are read");
    };
  }

  private static ConfigException wrong(Shard shard, Entry entry, String what) {
    return new ConfigException(shard.file() + ": tensor " + entry.name() + " " + what);
  }

  /** Closes the files; tensors already handed out stay readable. */
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
