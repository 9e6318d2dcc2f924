package dev.questspark.job.options.resolve;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException.Parse;
import com.typesafe.config.ConfigException.UnresolvedSubstitution;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigList;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigValue;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.keys.OptionRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads a HOCON preset: flat snake_case keys, includes and environment variables allowed. */
final class PresetFile {
  private PresetFile() {}

  static Map<String, List<String>> read(Path file) {
    if (!Files.isReadable(file)) {
      throw new ConfigException(
          "Preset " + file + " cannot be read; --preset takes the path of a .conf file.");
    }
    Config preset;
    try {
      ConfigParseOptions strict = ConfigParseOptions.defaults().setAllowMissing(false);
      preset = ConfigFactory.parseFile(file.toFile(), strict).resolve();
    } catch (UnresolvedSubstitution missing) {
      throw new ConfigException(
          "Preset " + file + " refers to something that is not set: " + missing.getMessage(),
          missing);
    } catch (Parse | com.typesafe.config.ConfigException.IO broken) {
      throw new ConfigException("Preset " + file + ": " + broken.getMessage(), broken);
    }
    Map<String, List<String>> values = new LinkedHashMap<>();
    preset
        .root()
        .forEach((name, value) -> values.put(checkedName(name, value, file), texts(name, value)));
    return values;
  }

  private static String checkedName(String name, ConfigValue value, Path file) {
    OptionRegistry.find(name, file.getFileName() + ":" + value.origin().lineNumber());
    return name;
  }

  private static List<String> texts(String name, ConfigValue value) {
    return switch (value.valueType()) {
      case LIST ->
          ((ConfigList) value).stream().map(element -> element.unwrapped().toString()).toList();
      case OBJECT ->
          throw new ConfigException(
              "Preset key " + name + " is a block; keys are flat, such as max_tokens = 64.");
      case NULL -> List.of();
      default -> List.of(value.unwrapped().toString());
    };
  }
}
