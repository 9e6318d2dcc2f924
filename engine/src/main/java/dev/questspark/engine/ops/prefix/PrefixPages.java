package dev.questspark.engine.ops.prefix;

import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.digest.PageScore;
import java.util.List;
import java.util.Map;

/**
 * The memory of a prefix store, as the ops see it: page p is row p % pagesPerSlab of slab p /
 * pagesPerSlab. One store serves all layers and KV heads.
 *
 * @param geometry of a page
 * @param pagesPerSlab pages of every slab but the last
 * @param slabs in order
 */
public record PrefixPages(PrefixGeometry geometry, int pagesPerSlab, List<Slab> slabs) {

  public PrefixPages {
    slabs = List.copyOf(slabs);
  }

  /**
   * Some of the pages.
   *
   * @param pages (pages, {@link PrefixGeometry#pageElements})
   * @param digests (pages * tiles, {@link dev.questspark.engine.ops.KvGeometry#digestColumns}) of
   *     each score that the run uses
   */
  public record Slab(Tensor pages, Map<PageScore, Tensor> digests) {}
}
