package dev.questspark.engine.select;

import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.select.prefix.PrefixSelector;
import dev.questspark.engine.select.prefix.WholeFirstLayers;
import java.util.Optional;

/**
 * The first layers read everything, by their real index: attention there is spread out (Quest
 * measures under 10 % sparsity in layers 0 and 1), so a budget would cost accuracy.
 */
public final class DenseFirstLayers implements PageSelector {
  private final int layers;
  private final PageSelector dense;
  private final PageSelector rest;

  /**
   * @param layers how many
   * @param dense lists every page
   * @param rest for the other layers
   */
  public DenseFirstLayers(int layers, PageSelector dense, PageSelector rest) {
    this.layers = layers;
    this.dense = dense;
    this.rest = rest;
  }

  @Override
  public void select(PageList list, Query query) {
    (query.layer() < layers ? dense : rest).select(list, query);
  }

  @Override
  public Optional<PrefixSelector> ofPrefix() {
    return rest.ofPrefix().map(prefix -> new WholeFirstLayers(layers, prefix));
  }

  @Override
  public PageSelector wholeBelow(int contextTokens) {
    return new DenseFirstLayers(layers, dense, rest.wholeBelow(contextTokens));
  }
}
