package dev.questspark.engine.model;

import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.prefill.Segments;
import dev.questspark.engine.ops.prefill.TileSkipping;
import dev.questspark.engine.ops.prefix.PrefixRows;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.prefill.PrefillSelector;
import dev.questspark.engine.select.prefix.PrefixSelector;

/** Rows of a step that attend in the same way. The groups of a step cover its rows in order. */
public sealed interface AttentionGroup {

  /** Rows of the group. */
  RowRange rows();

  /** Document rows, dense and causal: spans [fromSpan, toSpan). */
  record Prefill(RowRange rows, int fromSpan, int toSpan) implements AttentionGroup {}

  /** Document rows that attend to the key blocks that their selector lists for each segment. */
  record Segmented(
      RowRange rows, Segments segments, PrefillSelector selector, TileSkipping skipping)
      implements AttentionGroup {}

  /**
   * Rows whose document is in a prefix store: they attend to all that follows it, by the selector
   * of everything, and to what the other lists of the prefix.
   */
  record Prefixed(RowRange rows, PageSelector suffix, PrefixSelector prefix, PrefixRows prefixes)
      implements AttentionGroup {}

  /** Rows that attend to the pages their selector lists. */
  record Selected(RowRange rows, PageSelector selector) implements AttentionGroup {}
}
