package dev.questspark.engine.policy.cache;

import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.PolicyRegistry;
import dev.questspark.engine.policy.PolicyText;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The registry of the parts of cache policies: one line each. */
public final class CacheParts {
  /** Every part by its name. A prefill that reads everything is called as reading everything is. */
  public static final PolicyRegistry<CachePart> KNOWN =
      new PolicyRegistry<>("cache_policy part", CachePart.class)
          .add(Dense.NAME, DensePrefill.class)
          .add("a_shape", AShape.class)
          .add("sampled", Sampled.class)
          .add("critiprefill", CritiPrefill.class)
          .add("xattention", XAttention.class)
          .add("random_blocks", RandomBlocks.class)
          .add("skip_softmax", SkipSoftmax.class)
          .add("selective", Selective.class)
          .add("random_chunks", RandomChunks.class)
          .add("truncate_middle", TruncateMiddle.class)
          .add("keep_all", FormatPart.KeepAll.class)
          .add("int8", FormatPart.Int8.class)
          .add("int4", FormatPart.Int4.class)
          .add("int2", FormatPart.Int2.class)
          .add("k4v2", FormatPart.Int4KeysInt2Values.class)
          .add("streaming_llm", StreamingLlm.class)
          .add("duoattention", DuoAttention.class)
          .add("kvzip", KvZip.class);

  private static final String NONE = "none";
  private static final char JOIN = '+';

  private CacheParts() {}

  /** What a registered part decides. */
  public static CachePart.Slot slot(String name) {
    String required =
        KNOWN.parameters(name).stream()
            .filter(facts -> facts.defaultValue().isEmpty())
            .map(facts -> facts.name() + "=any")
            .collect(Collectors.joining(", ", "(", ")"));
    return KNOWN.parse(name + required).slot();
  }

  static CachePolicy parse(PolicyRegistry<CachePart> registry, String text) {
    return text.strip().equals(NONE)
        ? CachePolicy.NONE
        : new CachePolicy(
            PolicyText.split("cache_policy", text, JOIN).stream().map(registry::parse).toList());
  }

  static String text(PolicyRegistry<CachePart> registry, CachePolicy policy) {
    return joined(policy, registry::text);
  }

  static String label(PolicyRegistry<CachePart> registry, CachePolicy policy) {
    return joined(policy, registry::withoutDefaults);
  }

  private static String joined(CachePolicy policy, Function<CachePart, String> text) {
    return policy.parts().isEmpty()
        ? NONE
        : policy.parts().stream().map(text).collect(Collectors.joining(" " + JOIN + " "));
  }
}
