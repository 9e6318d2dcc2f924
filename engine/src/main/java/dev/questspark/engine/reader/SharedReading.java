package dev.questspark.engine.reader;

import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.policy.cache.tokens.ReaderKind;
import java.util.Arrays;
import java.util.Collection;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * What readings of a document have shown, kept for further requests: whoever keeps another share of
 * it, or reads with fewer layers, need not read again. A layer shows the same whoever reads, so an
 * answer does not depend on who was first. Holds a number per layer, token and question; any thread
 * may use it.
 */
public final class SharedReading {
  private final Map<ReaderKind, Integer> layers = new EnumMap<>(ReaderKind.class);
  private final Map<Key, LayerAttention> readings = new HashMap<>();

  /**
   * @param wanted every choice that requests will ask for; the first of a reader reads with the
   *     layers of all
   */
  public SharedReading(Collection<TokenSelection> wanted) {
    wanted.forEach(it -> layers.merge(it.reader(), it.layers(), Math::max));
  }

  private record Key(ReaderKind reader, int[] text, int[] question, int lookahead) {
    @Override
    public boolean equals(Object other) {
      return other instanceof Key key
          && reader == key.reader
          && lookahead == key.lookahead
          && Arrays.equals(text, key.text)
          && Arrays.equals(question, key.question);
    }

    @Override
    public int hashCode() {
      return 31 * Arrays.hashCode(text) + Arrays.hashCode(question);
    }
  }

  /** Layers that a reading for all requests has. */
  public int layers(ReaderKind reader) {
    return layers.getOrDefault(reader, 0);
  }

  /**
   * What is known.
   *
   * @param text tokens before the question, the template's too
   * @param selection whose reader and layers must have read
   */
  public synchronized Optional<LayerAttention> find(
      int[] text, int[] question, TokenSelection selection) {
    return Optional.ofNullable(readings.get(key(text, question, selection)))
        .filter(known -> known.layers() >= selection.layers());
  }

  /** Keeps what a reading for such a choice has shown. */
  public synchronized void put(
      int[] text, int[] question, TokenSelection selection, LayerAttention shown) {
    readings.put(key(text, question, selection), shown);
  }

  private static Key key(int[] text, int[] question, TokenSelection selection) {
    return new Key(selection.reader(), text, question, selection.lookahead());
  }
}
