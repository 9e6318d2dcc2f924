package dev.questspark.job.hub;

import dev.questspark.engine.checkpoint.HubCache;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What the environment says of the hub, with the names and meanings of huggingface_hub: {@code
 * HF_ENDPOINT}, {@code HF_TOKEN} or the file that {@code hf auth login} writes, {@code
 * HF_HUB_OFFLINE}, and the cache as {@link HubCache#root} finds it.
 *
 * @param endpoint without a slash at its end
 */
record HubSettings(URI endpoint, Optional<String> token, boolean offline, Path cache) {
  private static final String PUBLIC = "https://huggingface.co";
  private static final Set<String> YES = Set.of("1", "ON", "YES", "TRUE");

  /**
   * Reads the environment.
   *
   * @throws ConfigException when the endpoint is no URL
   */
  static HubSettings of(Map<String, String> environment) {
    String endpoint = given(environment, "HF_ENDPOINT").orElse(PUBLIC).replaceFirst("/+$", "");
    if (!endpoint.matches("https?://.+")) {
      throw new ConfigException("HF_ENDPOINT is " + endpoint + "; it must be an http(s) URL.");
    }
    return new HubSettings(
        URI.create(endpoint),
        given(environment, "HF_TOKEN").or(() -> stored(environment)),
        given(environment, "HF_HUB_OFFLINE")
            .filter(value -> YES.contains(value.toUpperCase(Locale.ROOT)))
            .isPresent(),
        HubCache.root(environment));
  }

  private static Optional<String> given(Map<String, String> environment, String name) {
    return Optional.ofNullable(environment.get(name))
        .map(String::strip)
        .filter(value -> !value.isEmpty());
  }

  /** The token of a user who has logged in. */
  private static Optional<String> stored(Map<String, String> environment) {
    Path file =
        given(environment, "HF_TOKEN_PATH")
            .map(Path::of)
            .orElseGet(() -> HubCache.home(environment).resolve("token"));
    try {
      return Files.isReadable(file) && Files.isRegularFile(file)
          ? Optional.of(Files.readString(file).strip()).filter(text -> !text.isEmpty())
          : Optional.empty();
    } catch (IOException unreadable) {
      return Optional.empty();
    }
  }

  /** Without the token, which no message and no log may have. */
  @Override
  public String toString() {
    return endpoint.toString();
  }
}
