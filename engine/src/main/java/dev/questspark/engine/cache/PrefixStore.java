package dev.questspark.engine.cache;

import dev.questspark.engine.ops.Buffer;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorShape;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.ops.prefix.PrefixPages;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The memory behind the page ids of compressed documents, for all layers and KV heads, allocated
 * once at open. Page 0 is the null page, as in {@link KvStore}.
 */
public final class PrefixStore implements AutoCloseable {
  private final PrefixGeometry geometry;
  private final int pages;
  private final int digestPairs;
  private final PrefixPages memory;
  private final List<Buffer> buffers = new ArrayList<>();

  /**
   * Allocates all pages.
   *
   * @param pages usable pages
   * @param digests the scores whose digests the run uses
   */
  public PrefixStore(Backend backend, PrefixGeometry geometry, int pages, Set<PageScore> digests) {
    this(backend, geometry, pages, digests, backend.mostElements());
  }

  /**
   * The same in tensors of at most so many elements.
   *
   * @param mostElements at least those of a page
   */
  public PrefixStore(
      Backend backend,
      PrefixGeometry geometry,
      int pages,
      Set<PageScore> digests,
      long mostElements) {
    this.geometry = geometry;
    this.pages = pages;
    this.digestPairs = digests.size();
    long widest =
        Math.max(
            geometry.pageElements(), (long) geometry.tiles() * geometry.digests().digestColumns());
    int perSlab = (int) Math.min(pages + 1L, mostElements / widest);
    List<TensorShape> shapes = new ArrayList<>();
    for (long first = 0; first <= pages; first += perSlab) {
      int count = (int) Math.min(perSlab, pages + 1L - first);
      shapes.add(new TensorShape(geometry.storage(), count, geometry.pageElements()));
      for (int pair = 0; pair < digestPairs; pair++) {
        shapes.add(
            new TensorShape(
                geometry.digestDType(),
                count * geometry.tiles(),
                geometry.digests().digestColumns()));
      }
    }
    List<Tensor> tensors = backend.allocateAll(shapes);
    tensors.forEach(tensor -> buffers.add(tensor.buffer()));
    List<PrefixPages.Slab> slabs = new ArrayList<>();
    for (Iterator<Tensor> next = tensors.iterator(); next.hasNext(); ) {
      Tensor elements = next.next();
      Map<PageScore, Tensor> pairs = PageScores.map();
      PageScores.sorted(digests).forEach(score -> pairs.put(score, next.next()));
      slabs.add(new PrefixPages.Slab(elements, pairs));
    }
    this.memory = new PrefixPages(geometry, perSlab, slabs);
  }

  /** Shape and format of a page. */
  public PrefixGeometry geometry() {
    return geometry;
  }

  /** Usable pages, ids 1 to {@code pages}. */
  public int pages() {
    return pages;
  }

  /** As the ops see it. */
  public PrefixPages memory() {
    return memory;
  }

  /** Bytes of one page with its digests. */
  public long pageBytes() {
    return geometry.pageBytes(digestPairs);
  }

  /** Bytes of all pages, the null page included. */
  public long bytes() {
    return buffers.stream().mapToLong(Buffer::bytes).sum();
  }

  @Override
  public void close() {
    buffers.forEach(Buffer::close);
    buffers.clear();
  }
}
