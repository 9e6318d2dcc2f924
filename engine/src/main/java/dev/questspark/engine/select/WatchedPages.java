package dev.questspark.engine.select;

import dev.questspark.engine.ops.PageList;

/** Lists the pages that another selector lists, and lets somebody look first. */
public final class WatchedPages implements PageSelector {
  private final AttentionWatch watch;
  private final PageSelector selector;

  public WatchedPages(AttentionWatch watch, PageSelector selector) {
    this.watch = watch;
    this.selector = selector;
  }

  @Override
  public void select(PageList list, Query query) {
    watch.see(new AttentionView(query, list));
    selector.select(list, query);
  }

  @Override
  public PageSelector wholeBelow(int contextTokens) {
    return new WatchedPages(watch, selector.wholeBelow(contextTokens));
  }
}
