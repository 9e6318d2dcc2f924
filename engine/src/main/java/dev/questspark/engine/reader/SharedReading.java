package dev.questspark.engine.reader;

import java.util.Arrays;
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
  private final int layers;
  private final Map<Key, LayerAttention> readings = new HashMap<>();

  /**
   * @param layers most that any request will want; the first one reads with as many
   */
  public SharedReading(int layers) {
    this.layers = layers;
  }

  private record Key(int[] text, int[] question) {
    @Override
    public boolean equals(Object other) {
      return other instanceof Key key
          && Arrays.equals(text, key.text)
          && Arrays.equals(question, key.question);
    }

    @Override
    public int hashCode() {
      return 31 * Arrays.hashCode(text) + Arrays.hashCode(question);
    }
  }

  /** Layers that a reading for all requests has. */
  public int layers() {
    return layers;
  }

  /**
   * What is known.
   *
   * @param text tokens before the question, the template's too
   * @param atLeast layers that must have read
   */
  public synchronized Optional<LayerAttention> find(int[] text, int[] question, int atLeast) {
    return Optional.ofNullable(readings.get(new Key(text, question)))
        .filter(known -> known.layers() >= atLeast);
  }

  /** Keeps what a reading has shown. */
  public synchronized void put(int[] text, int[] question, LayerAttention shown) {
    readings.put(new Key(text, question), shown);
  }
}
