package dev.questspark.engine.reader;

import dev.questspark.engine.cache.KvStore;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.Decoder;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.Backend;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * The first layers of a model, reading documents with a question to see which tokens the question
 * attends to: of the model itself, or of a second one. They have a cache of their own: a place for
 * each document that is read at a time, as long as the longest prompt. Layers whose window hides
 * part of a prompt read, but do not score.
 */
public final class PromptReader implements AutoCloseable {
  private final Backend backend;
  private final Decoder decoder;
  private final boolean ownsDecoder;
  private final ModelConfig model;
  private final int maxTokens;
  private final KvStore cache;
  private final List<Tensor> masses = new ArrayList<>(); // per place (layers * Hq, maxTokens)

  private PromptReader(
      Backend backend,
      Decoder decoder,
      boolean ownsDecoder,
      ModelConfig model,
      KvStore cache,
      int places,
      int maxTokens) {
    this.backend = backend;
    this.decoder = decoder;
    this.ownsDecoder = ownsDecoder;
    this.model = model;
    this.maxTokens = maxTokens;
    this.cache = cache;
    for (int place = 0; place < places; place++) {
      masses.add(backend.allocate(cache.geometry().layers() * model.heads(), maxTokens));
    }
  }

  /**
   * Allocates the places.
   *
   * @param decoder of the model, whose layers and activation buffers this uses between its steps
   * @param geometry of the model's cache
   * @param layers most layers that read
   * @param places documents that are read at a time
   * @param maxTokens of the longest prompt
   */
  public PromptReader(
      Backend backend,
      Decoder decoder,
      ModelConfig model,
      KvGeometry geometry,
      int layers,
      int places,
      int maxTokens) {
    this(
        backend,
        decoder,
        false,
        model,
        cache(backend, model, geometry, layers, places, maxTokens),
        places,
        maxTokens);
  }

  /** One that closes the decoder with its cache. */
  static PromptReader owning(
      Backend backend,
      Decoder decoder,
      ModelConfig model,
      KvStore cache,
      int places,
      int maxTokens) {
    return new PromptReader(backend, decoder, true, model, cache, places, maxTokens);
  }

  /** The places' pages. */
  static KvStore cache(
      Backend backend,
      ModelConfig model,
      KvGeometry geometry,
      int layers,
      int places,
      int maxTokens) {
    KvGeometry own = geometry(geometry, layers);
    return new KvStore(
        backend,
        own,
        places * own.pagesFor(maxTokens),
        Set.of(),
        layer -> window(model, layer, maxTokens));
  }

  /** Bytes that a reader of these sizes takes. */
  public static long bytes(
      ModelConfig model, KvGeometry geometry, int layers, int places, int maxTokens) {
    KvGeometry own = geometry(geometry, layers);
    long pages = (long) places * own.pagesFor(maxTokens) + 1; // the null page takes one
    long masses = (long) places * layers * model.heads() * maxTokens * DType.F32.bytes();
    return Math.addExact(Math.multiplyExact(pages, own.pageBytes(0)), masses);
  }

  private static KvGeometry geometry(KvGeometry geometry, int layers) {
    return new KvGeometry(
        layers, geometry.kvHeads(), geometry.headDim(), geometry.pageSize(), geometry.dtype());
  }

  /** A window as long as any prompt hides nothing. */
  private static int window(ModelConfig model, int layer, int maxTokens) {
    return model.window(layer) >= maxTokens ? 0 : model.window(layer);
  }

  /**
   * Requires that one of the first layers can score.
   *
   * @throws ConfigException if all of them have a window shorter than a prompt may be
   */
  public static void requireScores(ModelConfig model, int layers, int maxModelLen) {
    if (IntStream.range(0, layers)
        .map(model::window)
        .allMatch(window -> window > 0 && window < maxModelLen)) {
      throw new ConfigException(
          "cache_policy reads with the first "
              + layers
              + " layers of the model, but each of them sees only the last "
              + model.window(0)
              + " tokens, so none can say what matters in a longer document; give layers enough to"
              + " reach one that sees all, or lower max_model_len to "
              + model.window(0));
    }
  }

  /**
   * Rows of a document that is read, in a place.
   *
   * @param layers that read
   * @param tokens of the rows
   * @param firstPosition of the first row
   * @param documentTokens tokens before the question; rows from there on are the question's
   */
  public record Passage(
      int place, int layers, int[] tokens, int firstPosition, int documentTokens) {

    /** Where the question's rows begin. */
    int questionRow() {
      return Math.min(tokens.length, Math.max(0, documentTokens - firstPosition));
    }
  }

  /** Reads rows, which follow those that the place has read of the document before. */
  public void read(Passage passage) {
    LoadedBatch batch = backend.load(batch(passage, new int[0]));
    decoder.read(batch, passage.layers, cache, mass(passage));
  }

  /**
   * Reads rows of a question with all layers of a second model.
   *
   * @return its most probable token after the last row
   */
  public int draft(Passage passage) {
    LoadedBatch batch = backend.load(batch(passage, new int[] {passage.tokens.length - 1}));
    int[] token = new int[1];
    backend.argmax(token, decoder.readToLogits(batch, mass(passage)));
    return token[0];
  }

  /** What is added up of the question's rows, if there are any. */
  private Optional<Decoder.KeyMass> mass(Passage passage) {
    int question = passage.questionRow();
    RowRange rows = new RowRange(question, passage.tokens.length);
    return rows.count() == 0
        ? Optional.empty()
        : Optional.of(
            new Decoder.KeyMass(
                masses.get(passage.place).cols(0, passage.documentTokens),
                rows,
                passage.firstPosition + question > passage.documentTokens));
  }

  private RaggedBatch batch(Passage passage, int[] logitRows) {
    int rows = passage.tokens.length;
    int end = passage.firstPosition + rows;
    int perPlace = cache.pages() / masses.size();
    return new RaggedBatch(
        passage.tokens,
        IntStream.range(passage.firstPosition, end).toArray(),
        new int[] {0, rows},
        new int[] {0, cache.geometry().pagesFor(end)},
        IntStream.range(0, cache.geometry().pagesFor(end))
            .map(page -> 1 + passage.place * perPlace + page)
            .toArray(),
        logitRows);
  }

  /**
   * What the rows of the question that a place read last attend to.
   *
   * @param rows of the question, and drafted after it
   */
  public LayerAttention attention(Passage last, int rows) {
    int tokens = last.documentTokens;
    float[][] byLayer = new float[last.layers][tokens];
    float[] sums = new float[tokens];
    Tensor mass = masses.get(last.place).cols(0, tokens);
    for (int layer = 0; layer < last.layers; layer++) {
      if (cache.layer(layer).window() != 0) {
        continue;
      }
      for (int head = 0; head < model.heads(); head++) {
        backend.read(mass, layer * model.heads() + head, sums);
        for (int token = 0; token < tokens; token++) {
          byLayer[layer][token] = Math.max(byLayer[layer][token], sums[token] / rows);
        }
      }
    }
    return new LayerAttention(byLayer);
  }

  /** Most layers that read. */
  public int layers() {
    return cache.geometry().layers();
  }

  /** Bytes of all places. */
  public long bytes() {
    return cache.bytes() + masses.stream().mapToLong(mass -> mass.buffer().bytes()).sum();
  }

  @Override
  public void close() {
    if (ownsDecoder) {
      decoder.close();
    }
    cache.close();
    masses.forEach(mass -> mass.buffer().close());
  }
}
