package dev.questspark.engine.select;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.backend.Backend;
import java.util.Collections;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiFunction;

/** The registry: a selector's name to its factory, one line each. */
public final class PageSelectors {
  private static final Map<String, BiFunction<SelectorSpec, Integer, PageSelector>> FACTORIES =
      new TreeMap<>(
          Map.of(
              "all", (spec, pageSize) -> new AllPages(),
              "quest",
                  (spec, pageSize) ->
                      new QuestPages(
                          spec.pageScore(), spec.groupReduction(), budget(spec, pageSize)),
              "sink_recent", (spec, pageSize) -> new SinkRecentPages(budget(spec, pageSize))));

  private PageSelectors() {}

  /** Every selector that {@link #of} knows, in alphabetical order. */
  public static Set<String> names() {
    return Collections.unmodifiableSet(FACTORIES.keySet());
  }

  /**
   * The selector of a spec.
   *
   * @param pageSize tokens per page
   * @throws ConfigException if the name is unknown, or the budget has no room for what is always
   *     kept
   */
  public static PageSelector of(SelectorSpec spec, int pageSize) {
    var factory = FACTORIES.get(spec.selector());
    if (factory == null) {
      throw new ConfigException(
          "selector '"
              + spec.selector()
              + "' is unknown; known: "
              + String.join(", ", FACTORIES.keySet()));
    }
    PageSelector selector = factory.apply(spec, pageSize);
    return spec.skipLayers() > 0 && !spec.dense()
        ? new DenseFirstLayers(spec.skipLayers(), new AllPages(), selector)
        : selector;
  }

  /**
   * Dense attention that fills a study.
   *
   * @param pageSize tokens per page
   * @param scale of q.k before the softmax
   * @throws ConfigException as {@link #of}
   */
  public static PageSelector studied(
      SelectionStudy study, int pageSize, Backend backend, double scale) {
    return new StudiedPages(study, pageSize, backend, scale);
  }

  /**
   * Tokens to pages. The recent tokens can touch one page more than their count fills, and the
   * current page is always read, so the smallest budget is sink pages + ceil(recent / pageSize) +
   * 1.
   */
  private static PageBudget budget(SelectorSpec spec, int pageSize) {
    if (spec.kvBudget() == SelectorSpec.FULL) {
      return new PageBudget(
          Integer.MAX_VALUE, spec.sinkTokens(), spec.recentTokens(), spec.minContext());
    }
    int pages = spec.kvBudget() / pageSize;
    int kept = ceilDiv(spec.sinkTokens(), pageSize) + ceilDiv(spec.recentTokens(), pageSize) + 1;
    if (pages < kept) {
      throw new ConfigException(
          "kv_budget "
              + spec.kvBudget()
              + " is "
              + pages
              + " pages of "
              + pageSize
              + " tokens, but kv_sink_tokens "
              + spec.sinkTokens()
              + " and kv_recent_tokens "
              + spec.recentTokens()
              + " alone keep "
              + kept
              + "; raise kv_budget to "
              + kept * pageSize
              + " or keep fewer");
    }
    return new PageBudget(pages, spec.sinkTokens(), spec.recentTokens(), spec.minContext());
  }

  private static int ceilDiv(int tokens, int pageSize) {
    return (tokens + pageSize - 1) / pageSize;
  }
}
