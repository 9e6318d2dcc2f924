package dev.questspark.engine.cache;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.Buffer;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorShape;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntUnaryOperator;

/**
 * The memory behind the page ids: keys, values, digests and 4-bit keys of every layer, allocated
 * once at open. Page 0 is the null page that no sequence owns, so {@code pages} usable pages take
 * {@code pages + 1} places.
 */
public final class KvStore implements AutoCloseable {
  private final KvGeometry geometry;
  private final int pages;
  private final int digestPairs;
  private final boolean int4Keys;
  private final List<KvLayer> layers = new ArrayList<>();
  private final List<Buffer> buffers = new ArrayList<>();

  /**
   * Allocates all layers.
   *
   * @param pages usable pages
   * @param digests the scores whose digests the run uses
   * @param window sliding window of each layer in tokens, 0 for none
   * @throws ConfigException if one layer is larger than the backend can address
   */
  public KvStore(
      Backend backend,
      KvGeometry geometry,
      int pages,
      Set<PageScore> digests,
      IntUnaryOperator window) {
    this(backend, geometry, pages, digests, false, window);
  }

  /**
   * The same, with the keys once more in 4 bits if the run estimates with them.
   *
   * @throws ConfigException if one layer is larger than the backend can address
   */
  public KvStore(
      Backend backend,
      KvGeometry geometry,
      int pages,
      Set<PageScore> digests,
      boolean int4Keys,
      IntUnaryOperator window) {
    this.int4Keys = int4Keys;
    this.geometry = geometry;
    this.pages = pages;
    this.digestPairs = digests.size();
    long shares = (pages + 1L) * geometry.kvHeads();
    long elements = Math.multiplyExact(shares, (long) geometry.pageSize() * geometry.headDim());
    if (elements > Integer.MAX_VALUE - 8L) {
      long most =
          (Integer.MAX_VALUE - 8L)
              / ((long) geometry.kvHeads() * geometry.pageSize() * geometry.headDim());
      throw new ConfigException(
          "a KV cache of "
              + pages
              + " pages needs "
              + elements
              + " elements per layer, but one layer holds at most 2^31; "
              + "set kv_cache_memory_bytes to at most "
              + Math.multiplyExact(most - 1, pageBytes()));
    }
    List<Tensor> tensors = backend.allocateAll(shapes((int) shares));
    tensors.forEach(tensor -> buffers.add(tensor.buffer()));
    for (int layer = 0; layer < geometry.layers(); layer++) {
      Iterator<Tensor> parts = tensors.listIterator(layer * (2 + digestPairs + (int4Keys ? 1 : 0)));
      Tensor keys = parts.next();
      Tensor values = parts.next();
      Map<PageScore, Tensor> pairs = PageScores.map();
      PageScores.sorted(digests).forEach(score -> pairs.put(score, parts.next()));
      Optional<Tensor> fourBits = int4Keys ? Optional.of(parts.next()) : Optional.empty();
      layers.add(new KvLayer(geometry, keys, values, pairs, window.applyAsInt(layer), fourBits));
    }
  }

  /**
   * Keys, values, digests and 4-bit keys, layer by layer.
   *
   * @param shares KV heads of all pages
   */
  private List<TensorShape> shapes(int shares) {
    int rows = shares * geometry.pageSize();
    int digests = shares * geometry.blocksPerPage();
    List<TensorShape> shapes = new ArrayList<>();
    for (int layer = 0; layer < geometry.layers(); layer++) {
      shapes.add(new TensorShape(geometry.dtype(), rows, geometry.headDim()));
      shapes.add(new TensorShape(geometry.dtype(), rows, geometry.headDim()));
      for (int pair = 0; pair < digestPairs; pair++) {
        shapes.add(new TensorShape(geometry.digestDType(), digests, geometry.digestColumns()));
      }
      if (int4Keys) {
        shapes.add(new TensorShape(DType.I8, shares, geometry.int4Keys().columns()));
      }
    }
    return shapes;
  }

  /** Shape and dtype. */
  public KvGeometry geometry() {
    return geometry;
  }

  /** Usable pages, ids 1 to {@code pages}. */
  public int pages() {
    return pages;
  }

  /** Bytes of all pages and digests, the null page included. */
  public long bytes() {
    return Math.multiplyExact(pages + 1L, pageBytes());
  }

  /** Bytes of a page of all layers, with its digests. */
  public long pageBytes() {
    return geometry.pageBytes(digestPairs) + (int4Keys ? geometry.int4KeyBytes() : 0);
  }

  /** One layer, as the ops see it. */
  public KvLayer layer(int layer) {
    return layers.get(layer);
  }

  /**
   * Copies pages {@code from[i]} to {@code to[i]} in every layer: how a question gets its own last
   * document page.
   */
  public void copyPages(Backend backend, int[] from, int[] to) {
    for (KvLayer layer : layers) {
      backend.ops().copyPages(layer, from, to);
    }
  }

  @Override
  public void close() {
    buffers.forEach(Buffer::close);
    buffers.clear();
  }
}
