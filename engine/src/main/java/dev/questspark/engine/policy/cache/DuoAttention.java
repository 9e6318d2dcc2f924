package dev.questspark.engine.policy.cache;

import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.policy.cache.heads.HeadPattern;
import dev.questspark.engine.select.prefill.HeadwiseBlocks;
import dev.questspark.engine.select.prefill.PrefillSelector;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * DuoAttention (arXiv 2410.10819): streaming heads keep the document's sinks and recent tokens, the
 * others all of it. Positions are as they were in the document.
 */
@Description(
    "Heads that a pattern of the model scores lowest keep the document's first tokens and its last"
        + " ones, the others all of it (DuoAttention, arXiv 2410.10819).")
public record DuoAttention(
    @Parameter(defaultValue = "0.5", description = "Share of the KV heads that stream, 0 to 1.")
        double streaming,
    @Parameter(
            description =
                "Folder of the pattern, as DuoAttention publishes it: full_attention_heads.tsv and"
                    + " config.json, whose sink_size and recent_size are read. Every executor needs"
                    + " it.")
        String heads,
    @Parameter(
            defaultValue = "true",
            description =
                "Whether streaming heads read no more than that while the document is prefilled,"
                    + " either.")
        boolean prefill)
    implements KeptPart {

  public DuoAttention {
    CacheParts.KNOWN.require(
        streaming >= 0 && streaming <= 1,
        DuoAttention.class,
        "streaming",
        streaming,
        "from 0 to 1");
  }

  private HeadPattern pattern() {
    return HeadPattern.read(Path.of(heads));
  }

  @Override
  public KeptSlots kept(int prefixTokens, int documentTokens, int layers, int kvHeads) {
    HeadPattern pattern = pattern().of(layers, kvHeads);
    boolean[] streams = pattern.streaming(streaming);
    return new KeptSlots(
        List.of(
            IntStream.range(0, prefixTokens).toArray(),
            KeptPart.ends(pattern.sink(), pattern.recent(), prefixTokens, documentTokens)),
        IntStream.range(0, streams.length).map(head -> streams[head] ? 1 : 0).toArray());
  }

  @Override
  public boolean prefillsLess() {
    return prefill && streaming > 0;
  }

  @Override
  public PrefillSelector prefill(PrefillSelector others) {
    HeadPattern pattern = pattern();
    boolean[] streams = pattern.streaming(streaming);
    int kvHeads = pattern.scores()[0].length;
    return new HeadwiseBlocks(
        others,
        (layer, kvHead) -> streams[layer * kvHeads + kvHead],
        pattern.sink(),
        pattern.recent());
  }

  @Override
  public Optional<String> note(int layers, int kvHeads) {
    HeadPattern pattern = pattern().of(layers, kvHeads);
    int count = 0;
    for (boolean streams : pattern.streaming(streaming)) {
      count += streams ? 1 : 0;
    }
    return Optional.of(
        String.format(
            Locale.ROOT,
            "%d of %d KV heads stream, those that score below %.4f, and keep the first %d and the"
                + " last %d tokens",
            count,
            layers * kvHeads,
            pattern.threshold(streaming),
            pattern.sink(),
            pattern.recent()));
  }
}
