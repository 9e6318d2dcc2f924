package dev.questspark.engine.plan;

import dev.questspark.engine.EnginePlan;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.prefix.PageFormat;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.SkipLayers;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.prefix.PrefixMemory;
import dev.questspark.engine.prefix.PrefixPlan;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * What a document of some length takes under a cache policy, in an engine that is planned and need
 * not be open: the arithmetic of the engine itself, without a template's tokens.
 */
public final class DocumentPlan {
  private final EnginePlan.Memory memory;
  private final int keptTokens;
  private final Optional<PrefixPlan> prefix;

  /**
   * @param policy that the engine is planned with
   * @param tokens of the document
   */
  public DocumentPlan(EnginePlan engine, EnginePlan.Memory memory, CachePolicy policy, int tokens) {
    CachePolicy resolved = engine.reading().resolved(policy);
    this.memory = memory;
    this.keptTokens =
        resolved
            .part(TokenSelection.class)
            .map(selection -> selection.mostKept(tokens, 1))
            .orElse(tokens);
    this.prefix = memory.prefixes().plan(resolved, keptTokens);
  }

  /** Document tokens that the whole model prefills, at most. */
  public int keptTokens() {
    return keptTokens;
  }

  /** Bytes of its pages while its questions are answered, at most. */
  public long bytes() {
    return livePages(0) * memory.pageBytes() + prefixPages() * prefixPageBytes(digestPairs());
  }

  /**
   * Documents of this kind that memory holds at the same time, each with one question.
   *
   * @param behind tokens of the longest question and its answer
   */
  public int atOnce(int behind) {
    if (prefix.isEmpty()) {
      return memory.pages() / livePages(behind);
    }
    PrefixPlan plan = prefix.get();
    // One document is prefilled in live pages while the others are asked.
    int prefilled = memory.geometry().pagesFor(keptTokens) + plan.scratchPages();
    int asked = Math.max(0, memory.pages() - prefilled) / livePages(behind);
    return Math.min(memory.prefixes().pages().get(plan.store()) / plan.pages(), 1 + asked);
  }

  /**
   * Bytes of keys, values and digests that a decode step reads for one question.
   *
   * @param behind tokens that stand behind the document by then
   * @return empty where the policy has no fixed budget
   */
  public OptionalLong decodeBytes(ReadPolicy policy, int behind) {
    KvGeometry live = memory.geometry();
    long pairs = (long) live.layers() * live.kvHeads(); // of a layer and a KV head
    long tail = (long) keptTokens - storedTokens() + behind;
    long stored = prefixPages() * PrefixGeometry.SLOTS / pairs; // per pair, in the mean
    double storedBytes = pairs * prefixPageBytes(0) / (double) PrefixGeometry.SLOTS; // of a token
    double all = stored * storedBytes + pairs * live.attendBytes(tail);
    if (policy.dense()) {
      return OptionalLong.of(Math.round(all));
    }
    if (policy.kvBudget().isEmpty()) {
      return OptionalLong.empty();
    }
    int budget = policy.kvBudget().getAsInt();
    if (budget >= stored + tail) {
      return OptionalLong.of(Math.round(all));
    }
    // What stands behind a compressed part is read first, and is not scored.
    double sparse =
        pairs * live.attendBytes(Math.min(budget, tail))
            + Math.min(stored, Math.max(0, budget - tail)) * storedBytes;
    if (!policy.digests().isEmpty()) {
      sparse +=
          prefix.isEmpty()
              ? pairs * live.scoreBytes((tail - 1) / live.digestBlockSize() + 1)
              : prefixPages() * (prefixPageBytes(1) - prefixPageBytes(0));
    }
    double denseLayers =
        policy instanceof SkipLayers skip ? Math.min(1, skip.layers() / (double) live.layers()) : 0;
    return OptionalLong.of(Math.round(denseLayers * all + (1 - denseLayers) * sparse));
  }

  private int storedTokens() {
    return prefix.map(PrefixPlan::tokens).orElse(0);
  }

  private int livePages(int behind) {
    return memory.geometry().pagesFor(keptTokens - storedTokens() + behind);
  }

  private long prefixPages() {
    return prefix.map(PrefixPlan::pages).orElse(0);
  }

  private long prefixPageBytes(int digestPairs) {
    if (prefix.isEmpty()) {
      return 0;
    }
    PageFormat format = memory.prefixes().formats().get(prefix.get().store());
    return PrefixMemory.geometry(memory.geometry(), format).pageBytes(digestPairs);
  }

  /** Page scores whose digests every page has. */
  private int digestPairs() {
    return memory.digestPairs();
  }
}
