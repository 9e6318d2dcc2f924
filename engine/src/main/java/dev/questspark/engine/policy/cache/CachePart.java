package dev.questspark.engine.policy.cache;

import java.io.Serializable;

/** One part of a {@link CachePolicy}: a record whose components are its parameters. */
public interface CachePart extends Serializable {

  /** What a part decides about a document's cache; a policy has at most one part for each. */
  enum Slot {
    /** Which of the document's tokens are prefilled at all. */
    PREFILLED_TOKENS,
    /** Which keys the document's own rows read while it is prefilled. */
    PREFILL,
    /** Which tokens' keys and values stay. */
    KEPT_SLOTS,
    /** Which channels of them stay. */
    CHANNELS,
    /** How their elements are stored. */
    FORMAT,
    /** What page selectors read instead of keys. */
    DIGESTS,
    /** What stands in for the tokens that did not stay. */
    RESIDUAL;

    @Override
    public String toString() {
      return name().toLowerCase(java.util.Locale.ROOT).replace('_', ' ');
    }
  }

  /** What it decides. */
  Slot slot();

  /** False for a part that spells out what a policy without it does. */
  default boolean changesAnything() {
    return true;
  }

  /**
   * Whether it shows what a choice is worth, for eval and sweep, and answers nobody's questions.
   */
  default boolean control() {
    return false;
  }

  /**
   * The same with every number that follows from the model written out.
   *
   * @param layers of the model
   * @param readerLayers of a second model that reads; 0 where there is none
   * @throws dev.questspark.engine.failure.ConfigException if the model has not what the part needs
   */
  default CachePart forModel(int layers, int readerLayers) {
    return this;
  }

  /** The same for questions that know nothing of each other, though one request asks them. */
  default CachePart apart() {
    return this;
  }
}
