package dev.questspark.bench;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.backend.BackendOptions;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** {@code --key value} pairs, with defaults. */
final class Arguments {
  private final Map<String, String> values = new HashMap<>();

  Arguments(String[] arguments, int from) {
    for (int i = from; i < arguments.length; i += 2) {
      if (!arguments[i].startsWith("--") || i + 1 == arguments.length) {
        throw new IllegalArgumentException(
            "'" + arguments[i] + "': give every option as --key value");
      }
      values.put(arguments[i].substring(2), arguments[i + 1]);
    }
  }

  String text(String key, String otherwise) {
    return values.getOrDefault(key, otherwise);
  }

  int number(String key, int otherwise) {
    return values.containsKey(key) ? Integer.parseInt(values.get(key)) : otherwise;
  }

  boolean flag(String key, boolean otherwise) {
    return values.containsKey(key) ? Boolean.parseBoolean(values.get(key)) : otherwise;
  }

  Path model() {
    if (!values.containsKey("model")) {
      throw new IllegalArgumentException("--model is missing; give a Hugging Face folder");
    }
    return Path.of(values.get("model"));
  }

  /** A folder that may be left out. */
  Optional<Path> folder(String key) {
    return Optional.ofNullable(values.get(key)).map(Path::of);
  }

  /** Worker threads; all processors by default. */
  int threads() {
    return number("threads", Runtime.getRuntime().availableProcessors());
  }

  /** The CPU backend that the arguments describe. */
  BackendOptions backend() {
    DType dtype = text("dtype", "bfloat16").equals("float32") ? DType.F32 : DType.BF16;
    DType weights = text("weight-dtype", "auto").equals("int8") ? DType.I8 : dtype;
    return new BackendOptions(threads(), dtype, weights, flag("batch-invariant", true));
  }
}
