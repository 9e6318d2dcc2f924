package dev.questspark.engine.prefix;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.ops.prefix.PageFormat;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.KeptPart;
import dev.questspark.engine.policy.cache.heads.Reconstruction;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How many pages each prefix store has, decided once at open by what documents take at most: pure
 * arithmetic.
 *
 * @param live the live cache
 * @param formats of the stores, in the order of their indices
 * @param pages of each
 * @param bytes of all, null pages included
 */
public record PrefixMemory(
    KvGeometry live, List<PageFormat> formats, List<Integer> pages, long bytes) {

  private static final Logger LOG = LoggerFactory.getLogger(PrefixMemory.class);

  /** Of {@code max_model_len}, the part that a question and its answer are taken to have. */
  private static final int SUFFIX_PART = 8;

  public PrefixMemory {
    formats = List.copyOf(formats);
    pages = List.copyOf(pages);
  }

  /** No stores. */
  public static PrefixMemory none(KvGeometry live) {
    return new PrefixMemory(live, List.of(), List.of(), 0);
  }

  /**
   * What there is to divide.
   *
   * @param bytes for live pages and stores together
   * @param capped whether more than {@code maxNumSeqs} documents of full length is of no use
   * @param digestPairs scores with digests
   */
  public record Budget(
      long bytes, boolean capped, int maxModelLen, int maxNumSeqs, int digestPairs) {}

  /**
   * Divides memory. Live pages get room for one document that is prefilled and for what follows the
   * others, but no more than half where that would leave less for the stores; the stores get the
   * rest, in proportion to what a document of full length takes in each.
   *
   * @throws ConfigException if a store would not hold one document of full length
   */
  public static PrefixMemory plan(
      Collection<CachePolicy> policies, KvGeometry live, Budget budget) {
    List<PageFormat> formats =
        policies.stream()
            .filter(CachePolicy::compresses)
            .map(CachePolicy::format)
            .distinct()
            .sorted()
            .toList();
    if (formats.isEmpty()) {
      return none(live);
    }
    PrefixMemory shape = new PrefixMemory(live, formats, List.of(), 0);
    long[] documentPages = new long[formats.size()];
    int scratchPages = 0;
    for (CachePolicy policy : policies) {
      Optional<PrefixPlan> plan = shape.plan(policy, budget.maxModelLen());
      if (plan.isPresent()) {
        int store = plan.get().store();
        documentPages[store] = Math.max(documentPages[store], plan.get().pages());
        scratchPages = Math.max(scratchPages, plan.get().scratchPages());
      }
    }
    long[] pageBytes = new long[formats.size()];
    long documentBytes = 0; // of one in each store
    for (int i = 0; i < pageBytes.length; i++) {
      pageBytes[i] = geometry(live, formats.get(i)).pageBytes(budget.digestPairs());
      documentPages[i] = Math.max(1, documentPages[i]);
      documentBytes += (documentPages[i] + 1) * pageBytes[i];
    }
    int suffixPages = live.pagesFor(budget.maxModelLen() / SUFFIX_PART) + 1;
    long livePageBytes = live.pageBytes(budget.digestPairs());
    long leastLive = (live.pagesFor(budget.maxModelLen()) + scratchPages + 1L) * livePageBytes;
    long usefulLive = leastLive + (long) budget.maxNumSeqs() * suffixPages * livePageBytes;
    long mostLive = Math.min(budget.bytes() / 2, budget.bytes() - documentBytes);
    long forLive = Math.max(leastLive, Math.min(usefulLive, mostLive));
    long left = budget.bytes() - forLive;
    if (budget.capped()) {
      left = Math.min(left, budget.maxNumSeqs() * documentBytes);
    }
    if (left < documentBytes) {
      throw new ConfigException(
          "one document of max_model_len "
              + budget.maxModelLen()
              + " takes "
              + documentBytes
              + " bytes once cache_policy has compressed it, and "
              + leastLive
              + " before, but "
              + budget.bytes()
              + " are for the cache; lower max_model_len or give more memory");
    }
    List<Integer> pages = new ArrayList<>();
    long bytes = 0;
    for (int i = 0; i < pageBytes.length; i++) {
      double share = (double) (documentPages[i] + 1) * pageBytes[i] / documentBytes;
      long all = Math.max(documentPages[i] + 1, (long) (left * share) / pageBytes[i]);
      pages.add((int) Math.min(all - 1, Integer.MAX_VALUE - 1L));
      bytes += (pages.get(i) + 1L) * pageBytes[i];
    }
    return new PrefixMemory(live, formats, pages, bytes);
  }

  /**
   * Requires a model whose documents the policies can compress; to be called before weights load.
   *
   * @throws ConfigException naming what does not fit and what to set
   */
  public static void requireModel(
      Collection<CachePolicy> policies, ModelConfig model, int maxModelLen) {
    for (CachePolicy policy : policies) {
      if (!policy.compresses()) {
        continue;
      }
      if (policy.reconstruction().isEmpty()) {
        policy.kept(PrefixGeometry.SLOTS, PrefixGeometry.SLOTS, model.layers(), model.kvHeads());
      }
      policy
          .part(KeptPart.class)
          .flatMap(part -> part.note(model.layers(), model.kvHeads()))
          .ifPresent(note -> LOG.info("cache_policy {}: {}", policy.text(), note));
      if (policy.format().quantized() && model.headDim() % PageFormat.GROUP != 0) {
        throw new ConfigException(
            "cache_policy "
                + policy.text()
                + " stores values in groups of "
                + PageFormat.GROUP
                + " channels, which does not divide the model's head_dim of "
                + model.headDim()
                + "; leave that part out");
      }
      model.layerWindows().stream()
          .filter(window -> window > 0 && window < maxModelLen)
          .min(Integer::compare)
          .ifPresent(
              window -> {
                throw new ConfigException(
                    "cache_policy "
                        + policy.text()
                        + " compresses documents, all of whose tokens questions then see, but the"
                        + " model has layers that see only the last "
                        + window
                        + " tokens; lower max_model_len to "
                        + window
                        + ", or leave that part out");
              });
    }
  }

  /** Positions beyond {@code max_model_len} at which rows of these policies stand. */
  public static int positionsBeyond(Collection<CachePolicy> policies, int maxModelLen) {
    return policies.stream()
        .flatMap(policy -> policy.reconstruction().stream())
        .mapToInt(how -> how.mostRows(maxModelLen))
        .max()
        .orElse(0);
  }

  /** The pages of a format beside a live cache. */
  public static PrefixGeometry geometry(KvGeometry live, PageFormat format) {
    return new PrefixGeometry(
        live.headDim(),
        PrefixGeometry.tileOf(live.digestBlockSize()),
        live.dtype(),
        live.digestDType(),
        format);
  }

  /** How selectors divide a prefix beside a live cache. */
  static PageShape shape(KvGeometry live) {
    return new PageShape(PrefixGeometry.SLOTS, PrefixGeometry.tileOf(live.digestBlockSize()));
  }

  /** What becomes of a document; see {@link PrefixStores#plan}. */
  public Optional<PrefixPlan> plan(CachePolicy policy, int documentTokens) {
    if (!policy.compresses()) {
      return Optional.empty();
    }
    // Live pages leave whole, and integers come in whole groups.
    int step = commonMultiple(live.pageSize(), PrefixGeometry.SLOTS);
    int tokens = Math.max(0, documentTokens - policy.whole()) / step * step;
    if (tokens == 0) {
      return Optional.empty();
    }
    int store = formats.indexOf(policy.format());
    Optional<Reconstruction> reconstruction = policy.reconstruction();
    if (reconstruction.isPresent()) {
      Reconstruction how = reconstruction.get();
      int pages = how.mostPages(tokens, documentTokens, live.layers() * live.kvHeads());
      int behind = documentTokens % live.pageSize() + how.mostRows(tokens);
      return Optional.of(
          new PrefixPlan(
              store, tokens, pages, live.pagesFor(behind), Optional.empty(), reconstruction));
    }
    KeptSlots kept = policy.kept(tokens, documentTokens, live.layers(), live.kvHeads());
    return kept.pages() == 0
        ? Optional.empty()
        : Optional.of(
            new PrefixPlan(store, tokens, kept.pages(), 0, Optional.of(kept), reconstruction));
  }

  private static int commonMultiple(int a, int b) {
    int x = a;
    int y = b;
    while (y != 0) {
      int rest = x % y;
      x = y;
      y = rest;
    }
    return a / x * b;
  }
}
