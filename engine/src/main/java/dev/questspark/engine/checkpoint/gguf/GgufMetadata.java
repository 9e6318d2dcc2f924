package dev.questspark.engine.checkpoint.gguf;

import dev.questspark.engine.failure.ConfigException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The metadata of a GGUF file, read with its types.
 *
 * @param values Boolean, Long, Double, String or List by key
 */
record GgufMetadata(Path file, Map<String, Object> values) {

  boolean has(String key) {
    return values.containsKey(key);
  }

  Optional<String> text(String key) {
    return value(key, String.class);
  }

  boolean flagOr(String key, boolean absent) {
    return value(key, Boolean.class).orElse(absent);
  }

  int intOr(String key, int absent) {
    return value(key, Long.class).map(value -> exact(key, value)).orElse(absent);
  }

  int requireInt(String key) {
    return value(key, Long.class)
        .map(value -> exact(key, value))
        .orElseThrow(
            () -> new ConfigException(file + ": " + key + " is missing; convert the model again"));
  }

  double numberOr(String key, double absent) {
    return value(key, Number.class).map(Number::doubleValue).orElse(absent);
  }

  /** A list; empty if absent. */
  List<?> list(String key) {
    return value(key, List.class).orElse(List.of());
  }

  /** A value that some files give once for all layers and some layer by layer; it must be equal. */
  int requireIntOfAllLayers(String key) {
    if (!(values.get(key) instanceof List<?> layers)) {
      return requireInt(key);
    }
    if (layers.stream().distinct().count() != 1 || !(layers.get(0) instanceof Long each)) {
      throw new ConfigException(
          file + ": " + key + " is " + layers + "; layers of different shapes are not computed");
    }
    return exact(key, each);
  }

  private int exact(String key, long value) {
    if (value < 0 || value > Integer.MAX_VALUE) {
      throw new ConfigException(file + ": " + key + " is " + value + "; it must fit 31 bits");
    }
    return (int) value;
  }

  private <T> Optional<T> value(String key, Class<T> type) {
    Object value = values.get(key);
    if (value != null && !type.isInstance(value)) {
      throw new ConfigException(
          file
              + ": "
              + key
              + " is "
              + value
              + "; it must be of type "
              + type.getSimpleName()
              + ", convert the model again");
    }
    return Optional.ofNullable(type.cast(value));
  }
}
