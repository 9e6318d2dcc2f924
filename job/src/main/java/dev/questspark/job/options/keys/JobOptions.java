package dev.questspark.job.options.keys;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Setting;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * The resolved options of one job or query, as texts with their origins. Immutable. The {@code
 * *Keys} make typed records of it, on the driver; tasks never see it.
 */
public final class JobOptions {
  private final LinkedHashMap<String, Setting> settings;

  /**
   * @param settings of every option, by name
   */
  public JobOptions(Map<String, Setting> settings) {
    this.settings = new LinkedHashMap<>(settings);
  }

  /** The typed value; null or an empty list when it has neither value nor default. */
  public <T> T get(OptionKey<T> key) {
    Setting setting = setting(key);
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
          key.flag() + " is missing: give " + key.allowed() + ". " + key.description());
    }
    return value;
  }

  /** Whether failures show their stack traces. */
  public boolean verbose() {
    return get(RunKeys.VERBOSE);
  }

  /** Whether someone gave a value: the command, a preset, the model folder. */
  public boolean given(OptionKey<?> key) {
    return !setting(key).isDefault();
  }

  /** Whether the job's own command gave a value: a flag or Spark's conf, not a preset. */
  public boolean givenByCommand(OptionKey<?> key) {
    return setting(key).ofTheCommand();
  }

  /** Whether the value is another one than the default. */
  public boolean changed(OptionKey<?> key) {
    return !Objects.equals(get(key), key.parse(key.defaultTexts(), Setting.DEFAULT));
  }

  /** Options for which the job's own command gave another value than the default. */
  public List<OptionKey<?>> changedByCommand() {
    return OptionRegistry.all().stream()
        .filter(key -> givenByCommand(key) && changed(key))
        .toList();
  }

  /** Where the value came from, for a message: {@code (flag)}, {@code (demo.conf)}. */
  public String origin(OptionKey<?> key) {
    return "(" + setting(key).origin() + ")";
  }

  /** The text of an option, and where it came from. */
  public Setting setting(OptionKey<?> key) {
    return settings.get(key.name());
  }

  /** All settings by name, in the order of the declarations. */
  public Map<String, Setting> settings() {
    return Collections.unmodifiableMap(settings);
  }
}
