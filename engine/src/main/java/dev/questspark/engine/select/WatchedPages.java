package dev.questspark.engine.select;

import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.backend.Backend;

/** Lists the pages that another selector lists, and lets somebody look first. */
public final class WatchedPages implements PageSelector {
  private final AttentionWatch watch;
  private final PageSelector selector;
  private final Backend backend;
  private final double scale;

  /**
   * @param scale of q.k before the softmax
   */
  public WatchedPages(AttentionWatch watch, PageSelector selector, Backend backend, double scale) {
    this.watch = watch;
    this.selector = selector;
    this.backend = backend;
    this.scale = scale;
  }

  @Override
  public void select(PageList list, Query query) {
    watch.see(new AttentionView(backend, scale, query, list));
    selector.select(list, query);
  }

  @Override
  public PageSelector wholeBelow(int contextTokens) {
    return new WatchedPages(watch, selector.wholeBelow(contextTokens), backend, scale);
  }
}
