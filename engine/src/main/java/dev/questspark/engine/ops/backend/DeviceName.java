package dev.questspark.engine.ops.backend;

import dev.questspark.engine.failure.ConfigException;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Option {@code backend}: a backend that is on the class path, and which of its devices. {@code
 * cpu}, {@code cuda} (the first GPU, or the one that Spark assigned) or {@code cuda:N} (the GPU of
 * ordinal N).
 *
 * @param backend {@link BackendProvider#name}
 * @param ordinal N, where the text states one
 */
public record DeviceName(String backend, OptionalInt ordinal) {
  /** The default. */
  public static final DeviceName CPU = new DeviceName("cpu", OptionalInt.empty());

  private static final Pattern TEXT = Pattern.compile("([^:]+)(?::([0-9]{1,4}))?");

  public DeviceName {
    boolean numbered = BackendProviders.named(backend).map(BackendProvider::numbered).orElse(false);
    if (BackendProviders.named(backend).isEmpty() || ordinal.isPresent() && !numbered) {
      throw unknown(backend + (ordinal.isPresent() ? ":" + ordinal.getAsInt() : ""));
    }
  }

  /**
   * Reads the option's text.
   *
   * @throws ConfigException if no backend has such a device
   */
  public static DeviceName parse(String text) {
    Matcher match = TEXT.matcher(text);
    if (!match.matches()) {
      throw unknown(text);
    }
    return new DeviceName(
        match.group(1),
        match.group(2) == null
            ? OptionalInt.empty()
            : OptionalInt.of(Integer.parseInt(match.group(2))));
  }

  /** As {@link #parse}, but empty for a text that names no device. */
  public static Optional<DeviceName> find(String text) {
    try {
      return Optional.of(parse(text));
    } catch (ConfigException unknown) {
      return Optional.empty();
    }
  }

  /** What a text may be: {@code cpu, cuda, cuda:N}. */
  public static String allowed() {
    return BackendProviders.all().stream()
        .map(found -> found.numbered() ? found.name() + ", " + found.name() + ":N" : found.name())
        .collect(Collectors.joining(", "));
  }

  /** Who opens it. */
  public BackendProvider provider() {
    return BackendProviders.named(backend).orElseThrow();
  }

  private static ConfigException unknown(String text) {
    return new ConfigException("backend '" + text + "' is unknown; known: " + allowed());
  }

  @Override
  public String toString() {
    return backend + (ordinal.isPresent() ? ":" + ordinal.getAsInt() : "");
  }
}
