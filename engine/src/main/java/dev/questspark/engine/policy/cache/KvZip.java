package dev.questspark.engine.policy.cache;

import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.policy.cache.heads.Reconstruction;
import dev.questspark.engine.select.prefill.PrefillSelector;
import java.util.Optional;

/**
 * KVzip (arXiv 2505.23416): the tokens that the model attends to when it repeats the document, with
 * one budget over all layers and heads.
 */
@Description(
    "Keeps what the model attends to when it repeats the document, before any question is known: a"
        + " second pass over it, and one budget over all layers and KV heads (KVzip, arXiv"
        + " 2505.23416). Not lossless.")
public record KvZip(
    @Parameter(
            defaultValue = "0.5",
            description = "Share of all tokens of all heads that stays, above 0, at most 1.")
        double keep,
    @Parameter(defaultValue = "4", description = "First tokens that every head keeps.") int sink,
    @Parameter(defaultValue = "32", description = "Last tokens that every head keeps.") int recent,
    @Parameter(defaultValue = "2000", description = "Tokens that are repeated at a time.")
        int chunk)
    implements KeptPart {

  public KvZip {
    CacheParts.KNOWN.require(
        keep > 0 && keep <= 1, KvZip.class, "keep", keep, "a number above 0 and at most 1");
    CacheParts.KNOWN.atLeast(0, KvZip.class, "sink", sink);
    CacheParts.KNOWN.atLeast(0, KvZip.class, "recent", recent);
    CacheParts.KNOWN.atLeast(16, KvZip.class, "chunk", chunk);
  }

  @Override
  public Optional<Reconstruction> reconstruction() {
    return Optional.of(new Reconstruction(keep, sink, recent, chunk));
  }

  @Override
  public KeptSlots kept(int prefixTokens, int documentTokens, int layers, int kvHeads) {
    throw new IllegalStateException("what stays is known when the document has been repeated");
  }

  @Override
  public boolean prefillsLess() {
    return false;
  }

  @Override
  public PrefillSelector prefill(PrefillSelector others) {
    return others;
  }
}
