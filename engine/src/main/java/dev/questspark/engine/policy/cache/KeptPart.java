package dev.questspark.engine.policy.cache;

import dev.questspark.engine.ops.prefill.TileSkipping;
import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.policy.cache.heads.Reconstruction;
import dev.questspark.engine.select.prefill.PrefillSelector;
import java.util.Optional;
import java.util.stream.IntStream;

/** Which tokens of a prefilled document each KV head keeps. */
public interface KeptPart extends CachePart {

  @Override
  default Slot slot() {
    return Slot.KEPT_SLOTS;
  }

  /**
   * What each head keeps of the document's first tokens.
   *
   * @param prefixTokens those that are compressed; the others are all kept
   * @param documentTokens of the whole document
   * @throws dev.questspark.engine.failure.ConfigException if the model has not the heads that the
   *     part is for
   */
  KeptSlots kept(int prefixTokens, int documentTokens, int layers, int kvHeads);

  /** Whether its heads read less of the document while it is prefilled, too. */
  boolean prefillsLess();

  /**
   * How the document is prefilled, where {@link #prefillsLess}.
   *
   * @param others what the heads read that keep everything
   */
  PrefillSelector prefill(PrefillSelector others);

  /**
   * How tokens are scored before {@link #kept} can be known; empty where nothing is scored. Then
   * what stays is the reconstruction's choice, and {@link #kept} is not asked.
   */
  default Optional<Reconstruction> reconstruction() {
    return Optional.empty();
  }

  /** What a run should know of it when the engine opens, in one line. */
  default Optional<String> note(int layers, int kvHeads) {
    return Optional.empty();
  }

  /** The first and the last of a document's tokens, as far as they are among the first so many. */
  static int[] ends(int sink, int recent, int prefixTokens, int documentTokens) {
    int from = Math.max(Math.min(sink, prefixTokens), documentTokens - recent);
    return IntStream.concat(
            IntStream.range(0, Math.min(sink, prefixTokens)), IntStream.range(from, prefixTokens))
        .toArray();
  }

  /** A prefill of a policy some of whose heads read less than it says. */
  record HeadwisePrefill(PrefillPart others, KeptPart kept) implements PrefillPart {
    @Override
    public int segment() {
      return others.segment();
    }

    @Override
    public int block() {
      return others.block();
    }

    @Override
    public PrefillSelector selector() {
      return kept.prefill(others.selector());
    }

    @Override
    public TileSkipping skipping() {
      return others.skipping();
    }

    @Override
    public void requireRuns(int maxNumSeqs, int maxNumBatchedTokens) {
      others.requireRuns(maxNumSeqs, maxNumBatchedTokens);
    }
  }
}
