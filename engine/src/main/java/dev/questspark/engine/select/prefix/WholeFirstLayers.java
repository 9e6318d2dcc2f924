package dev.questspark.engine.select.prefix;

import dev.questspark.engine.ops.PageList;

/** The first layers read all of it, by their real index. */
public final class WholeFirstLayers implements PrefixSelector {
  private final int layers;
  private final PrefixSelector rest;

  public WholeFirstLayers(int layers, PrefixSelector rest) {
    this.layers = layers;
    this.rest = rest;
  }

  @Override
  public boolean select(PageList list, Query query) {
    return query.layer() >= layers && rest.select(list, query);
  }
}
