package dev.questspark.engine.ops.backend;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;

/** The backends on the class path, by name. */
final class BackendProviders {
  /** From the engine's own class loader: Spark's threads come with others. */
  private static final List<BackendProvider> FOUND =
      ServiceLoader.load(BackendProvider.class, BackendProviders.class.getClassLoader()).stream()
          .map(ServiceLoader.Provider::get)
          .sorted(Comparator.comparing(BackendProvider::name))
          .toList();

  private BackendProviders() {}

  static List<BackendProvider> all() {
    return FOUND;
  }

  static Optional<BackendProvider> named(String name) {
    return FOUND.stream().filter(found -> found.name().equals(name)).findFirst();
  }
}
