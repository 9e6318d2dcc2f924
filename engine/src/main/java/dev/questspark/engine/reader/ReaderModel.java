package dev.questspark.engine.reader;

import dev.questspark.engine.cache.KvStore;
import dev.questspark.engine.model.Decoder;
import dev.questspark.engine.model.ModelWeights;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.rope.RopeTable;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.backend.Backend;
import java.nio.file.Path;
import java.util.Set;

/**
 * A second, smaller model that reads for another one (SpecPrefill, arXiv 2502.02789): its weights
 * on the same device, and layers of its own. Token ids mean the same to both.
 */
public final class ReaderModel implements AutoCloseable {
  private final Backend backend;
  private final ModelConfig config;
  private final ModelWeights weights;

  /**
   * Loads the weights.
   *
   * @param folder of the model
   * @param config what the folder says
   */
  public ReaderModel(Backend backend, Path folder, ModelConfig config) {
    this.backend = backend;
    this.config = config;
    this.weights = ModelWeights.load(folder, config, backend);
  }

  /** How tokens are stored of one layer that reads, in pages like those of another model. */
  public static KvGeometry geometry(ModelConfig config, KvGeometry like) {
    return new KvGeometry(
        config.layers(), config.kvHeads(), config.headDim(), like.pageSize(), like.dtype());
  }

  /**
   * Allocates a reader.
   *
   * @param like geometry of the cache of the model that it reads for
   * @param layers most layers that read
   * @param places documents that are read at a time
   * @param maxTokens of the longest prompt
   * @param maxRows per step
   */
  public PromptReader reader(KvGeometry like, int layers, int places, int maxTokens, int maxRows) {
    KvStore cache =
        PromptReader.cache(backend, config, geometry(config, like), layers, places, maxTokens);
    Decoder decoder =
        new Decoder(
            backend,
            config,
            weights,
            cache,
            maxTokens,
            rope -> RopeTable.build(rope, config.headDim(), maxTokens),
            maxRows,
            1,
            Set.of());
    return PromptReader.owning(backend, decoder, config, cache, places, maxTokens);
  }

  /** Bytes of the weights. */
  public long bytes() {
    return weights.bytes();
  }

  @Override
  public void close() {
    weights.close();
  }
}
