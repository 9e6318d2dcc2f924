package dev.questspark.engine.policy.cache;

import dev.questspark.engine.failure.ConfigException;
import java.io.Serializable;
import java.util.Comparator;
import java.util.List;

/**
 * What becomes of a document's keys and values, for all its questions alike. Without parts the
 * document is prefilled densely and kept whole.
 *
 * @param parts in the order of their slots
 */
public record CachePolicy(List<CachePart> parts) implements Serializable {
  /** Nothing is selected, dropped or stored otherwise. */
  public static final CachePolicy NONE = new CachePolicy(List.of());

  /**
   * Sorts the parts.
   *
   * @throws ConfigException when two parts decide the same
   */
  public CachePolicy {
    parts = parts.stream().sorted(Comparator.comparing(CachePart::slot)).toList();
    for (int i = 1; i < parts.size(); i++) {
      if (parts.get(i - 1).slot() == parts.get(i).slot()) {
        throw new ConfigException(
            "cache_policy has two parts that decide the "
                + parts.get(i).slot()
                + ", "
                + parts.get(i - 1)
                + " and "
                + parts.get(i)
                + "; keep one");
      }
    }
  }

  /** The canonical text: the parts joined by {@code +}, or {@code none}. */
  public String text() {
    return CacheParts.KNOWN.text(this);
  }

  /**
   * Reads a text; the parts may come in any order.
   *
   * @throws ConfigException when a part is unknown, or two decide the same
   */
  public static CachePolicy parse(String text) {
    return CacheParts.KNOWN.parse(text);
  }
}
