package dev.questspark.engine.prefix;

import dev.questspark.engine.cache.KvStore;
import dev.questspark.engine.cache.PrefixStore;
import dev.questspark.engine.model.Decoder;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.ops.prefix.PrefixTable;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.heads.Reconstruction;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;

/**
 * The prefix stores of an engine, one for each format of its cache policies, and the way of a
 * document into them.
 */
public final class PrefixStores implements AutoCloseable {
  private final KvGeometry live;
  private final PrefixMemory memory;
  private final List<PrefixStore> stores = new ArrayList<>();
  private RepetitionScores repetition;

  /**
   * Allocates the stores.
   *
   * @param memory how large each is
   */
  public PrefixStores(
      Backend backend, KvGeometry live, PrefixMemory memory, Set<PageScore> digests) {
    this.live = live;
    this.memory = memory;
    try {
      for (int i = 0; i < memory.formats().size(); i++) {
        PrefixGeometry geometry = PrefixMemory.geometry(live, memory.formats().get(i));
        stores.add(new PrefixStore(backend, geometry, memory.pages().get(i), digests));
      }
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** In the order of their indices. */
  public List<PrefixStore> stores() {
    return stores;
  }

  /** Bytes of all of them. */
  public long bytes() {
    return stores.stream().mapToLong(PrefixStore::bytes).sum();
  }

  /** How a prefix is divided for selectors: whole pages, and what shares a digest. */
  public PageShape shape() {
    return PrefixMemory.shape(live);
  }

  /**
   * What becomes of a document of so many tokens; empty where nothing does, because its policy
   * compresses nothing, or because no page of it is full.
   */
  public Optional<PrefixPlan> plan(CachePolicy policy, int documentTokens) {
    return memory.plan(policy, documentTokens);
  }

  /** Bytes of a prefix's pages, digests included. */
  public long bytes(int store, PrefixTable table) {
    return table.pages().length * stores.get(store).pageBytes();
  }

  /**
   * A prefilled document.
   *
   * @param tokens that are stored, in order
   * @param lastRope position by which its last token turns
   * @param livePages page ids of these tokens, in order
   * @param scratchPages live page ids, as many as the plan takes
   * @param prefixPages page ids of the store, as many as the plan takes
   */
  public record Prefilled(
      int[] tokens, int lastRope, int[] livePages, int[] scratchPages, int[] prefixPages) {}

  /**
   * What scores tokens, for policies that need it.
   *
   * @param decoder of the model
   * @param encode a text's tokens
   * @param rowsAtOnce rows of a forward pass
   */
  public void scoreBy(
      Backend backend,
      Decoder decoder,
      ModelConfig model,
      KvStore kvStore,
      Function<String, int[]> encode,
      int rowsAtOnce) {
    repetition = new RepetitionScores(backend, decoder, model, kvStore, encode, rowsAtOnce);
  }

  private KeptSlots choose(PrefixPlan plan, Prefilled document) {
    Reconstruction how = plan.reconstruction().orElseThrow();
    float[][] scores =
        repetition.of(
            new RepetitionScores.Live(
                document.tokens, document.lastRope, document.livePages, document.scratchPages),
            plan.tokens(),
            how);
    return how.choose(scores, document.tokens.length);
  }

  /** Moves a prefilled document's first tokens to their store. */
  public PrefixTable compress(
      Backend backend, KvStore kvStore, PrefixPlan plan, Prefilled document) {
    KeptSlots kept = plan.kept().orElseGet(() -> choose(plan, document));
    PrefixTable table =
        PrefixTable.of(plan.tokens(), live.kvHeads(), kept.slots(), document.prefixPages);
    for (int layer = 0; layer < live.layers(); layer++) {
      backend
          .prefixOps()
          .compressPages(
              stores.get(plan.store()).memory(),
              table,
              kvStore.layer(layer),
              layer,
              document.livePages,
              kept);
    }
    return table;
  }

  @Override
  public void close() {
    stores.forEach(PrefixStore::close);
    stores.clear();
  }
}
