package dev.questspark.engine.policy.cache;

import dev.questspark.engine.policy.PolicyRegistry;
import dev.questspark.engine.policy.PolicyText;
import java.util.List;
import java.util.stream.Collectors;

/** Reads and writes cache policies of the parts of a registry. */
final class CacheParts {
  /** The parts that this version has: none. */
  static final CacheParts KNOWN =
      new CacheParts(new PolicyRegistry<>("cache_policy part", CachePart.class));

  private static final String NONE = "none";
  private static final char JOIN = '+';

  private final PolicyRegistry<CachePart> registry;

  CacheParts(PolicyRegistry<CachePart> registry) {
    this.registry = registry;
  }

  CachePolicy parse(String text) {
    if (text.strip().equals(NONE)) {
      return CachePolicy.NONE;
    }
    List<CachePart> parts =
        PolicyText.split("cache_policy", text, JOIN).stream().map(registry::parse).toList();
    return new CachePolicy(parts);
  }

  String text(CachePolicy policy) {
    return policy.parts().isEmpty()
        ? NONE
        : policy.parts().stream().map(registry::text).collect(Collectors.joining(" " + JOIN + " "));
  }
}
