package dev.questspark.job.options;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.model.ModelLocation;
import java.io.Serial;
import java.io.Serializable;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The resolved options of one run: for each key its texts and where they came from. Immutable;
 * travels to the executors as text and is typed on reading.
 */
public final class JobOptions implements Serializable {
  @Serial private static final long serialVersionUID = 1L;

  /** A value and its origin: {@code flag}, {@code Spark conf}, a preset's file, {@code default}. */
  public record Setting(List<String> texts, String origin) implements Serializable {
    public Setting {
      texts = List.copyOf(texts);
    }

    /** As one text. */
    public String shown() {
      return String.join(",", texts);
    }
  }

  private final LinkedHashMap<String, Setting> settings;

  JobOptions(Map<String, Setting> settings) {
    this.settings = new LinkedHashMap<>(settings);
  }

  /** The typed value; null or an empty list when it has neither value nor default. */
  public <T> T get(OptionKey<T> key) {
    Setting setting = settings.get(key.name());
    return key.parse(setting.texts(), setting.origin());
  }

  /**
   * The typed value of an option that must be given.
   *
   * @throws ConfigException when it is not
   */
  public <T> T require(OptionKey<T> key) {
    T value = get(key);
    if (value == null) {
      throw new ConfigException(
          key.flag() + " is missing: give " + key.allowed() + ". " + key.sentence());
    }
    return value;
  }

  /** Where the model is. */
  public ModelLocation model() {
    return new ModelLocation(require(JobKeys.MODEL), get(JobKeys.MODEL_CACHE));
  }

  /** Whether someone gave a value. */
  public boolean given(OptionKey<?> key) {
    return !isDefault(key.name());
  }

  /** Whether the run's own command gave a value: a flag or Spark's conf, not a preset. */
  public boolean askedFor(OptionKey<?> key) {
    return OptionResolver.OF_THE_RUN.contains(settings.get(key.name()).origin());
  }

  /** Options for which the run's own command gave another value than the default. */
  public List<OptionKey<?>> askedFor() {
    return OptionRegistry.all().stream()
        .filter(this::askedFor)
        .filter(
            key -> !Objects.equals(get(key), key.parse(key.defaultTexts(), OptionResolver.DEFAULT)))
        .toList();
  }

  /** Where the value came from, for a message: {@code (flag)}, {@code (demo.conf)}. */
  public String origin(OptionKey<?> key) {
    return "(" + settings.get(key.name()).origin() + ")";
  }

  /** The same with one option as {@code texts} say, or as by default without any. */
  public JobOptions with(OptionKey<?> key, String... texts) {
    JobOptions changed = new JobOptions(settings);
    changed.settings.put(
        key.name(),
        texts.length == 0
            ? new Setting(key.defaultTexts(), OptionResolver.DEFAULT)
            : new Setting(List.of(texts), settings.get(key.name()).origin()));
    return changed;
  }

  /** Whether nobody gave a value. */
  public boolean isDefault(String name) {
    return settings.get(name).origin().equals(OptionResolver.DEFAULT);
  }

  /** All settings by name, in the order of the declarations. */
  public Map<String, Setting> settings() {
    return Collections.unmodifiableMap(settings);
  }
}
