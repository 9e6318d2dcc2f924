package dev.questspark.engine.policy.cache;

import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.select.prefill.HeadwiseBlocks;
import dev.questspark.engine.select.prefill.PrefillSelector;

/**
 * StreamingLLM (arXiv 2309.17453): the attention sinks and the recent tokens, for every head. With
 * positions as they were in the document.
 */
@Description(
    "Keeps the document's first tokens and its last ones and forgets the rest: StreamingLLM (arXiv"
        + " 2309.17453). Not lossless: what is left out cannot be answered from.")
public record StreamingLlm(
    @Parameter(defaultValue = "4", description = "First tokens of the document that stay.")
        int sink,
    @Parameter(defaultValue = "2044", description = "Last tokens of the document that stay.")
        int recent,
    @Parameter(
            defaultValue = "true",
            description = "Whether the document's own rows read no more than that, either.")
        boolean prefill)
    implements KeptPart {

  public StreamingLlm {
    CacheParts.KNOWN.atLeast(0, StreamingLlm.class, "sink", sink);
    CacheParts.KNOWN.atLeast(1, StreamingLlm.class, "recent", recent);
  }

  @Override
  public KeptSlots kept(int prefixTokens, int documentTokens, int layers, int kvHeads) {
    int[] ends = KeptPart.ends(sink, recent, prefixTokens, documentTokens);
    return KeptSlots.same(layers * kvHeads, ends);
  }

  @Override
  public boolean prefillsLess() {
    return prefill;
  }

  @Override
  public PrefillSelector prefill(PrefillSelector others) {
    return new HeadwiseBlocks(others, (layer, kvHead) -> true, sink, recent);
  }
}
