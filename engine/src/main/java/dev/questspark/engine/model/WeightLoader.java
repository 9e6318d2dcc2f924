package dev.questspark.engine.model;

import dev.questspark.engine.model.LayerWeights.QkNorm;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.Backend;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Knows the names that Hugging Face gives to a decoder's weights, and which of them are fused. Each
 * tensor is mapped, handed to the backend and forgotten, so that its mapping can be collected while
 * the next one loads.
 */
final class WeightLoader {
  private static final Logger LOG = LoggerFactory.getLogger(WeightLoader.class);
  private static final int UNREAD_NAMED = 5;

  private final ModelConfig config;
  private final Backend backend;
  private final SafetensorsReader checkpoint;
  private final ModelWeights.Owned owned = new ModelWeights.Owned();

  private WeightLoader(ModelConfig config, Backend backend, SafetensorsReader checkpoint) {
    this.config = config;
    this.backend = backend;
    this.checkpoint = checkpoint;
  }

  static ModelWeights load(Path folder, ModelConfig config, Backend backend) {
    long start = System.nanoTime();
    try (SafetensorsReader checkpoint = SafetensorsReader.open(folder)) {
      WeightLoader loader = new WeightLoader(config, backend, checkpoint);
      try {
        ModelWeights weights = loader.load();
        long millis = (System.nanoTime() - start) / 1_000_000;
        LOG.info("model weights: {} bytes from {} in {} ms", weights.bytes(), folder, millis);
        loader.warnOfUnread(folder);
        return weights;
      } catch (Throwable failure) {
        loader.owned.close();
        throw failure;
      }
    }
  }

  private ModelWeights load() {
    List<LayerWeights> layers = new ArrayList<>(config.layers());
    for (int layer = 0; layer < config.layers(); layer++) {
      layers.add(layer("model.layers." + layer + "."));
    }
    Tensor finalNorm = norm("model.norm", config.hiddenSize());
    LinearWeight lmHead =
        pack(List.of(config.tieWordEmbeddings() ? embeddingTable() : headTable()), List.of());
    return new ModelWeights(embedding(lmHead), layers, finalNorm, lmHead, owned);
  }

  /** A tied table is read out of the output projection where the backend can, and kept once. */
  private Tensor embedding(LinearWeight lmHead) {
    Optional<Tensor> tied = config.tieWordEmbeddings() ? backend.rowsOf(lmHead) : Optional.empty();
    return tied.orElseGet(
        () -> {
          HostTensor table = embeddingTable();
          Tensor embedding = owned.add(backend.uploadTable(table));
          MappedPages.giveBack(table.data());
          return embedding;
        });
  }

  private LayerWeights layer(String prefix) {
    int hidden = config.hiddenSize();
    int inner = config.intermediateSize();
    String attention = prefix + "self_attn.";
    String mlp = prefix + "mlp.";
    return new LayerWeights(
        norm(prefix + "input_layernorm", hidden),
        pack(
            hidden,
            config.qkvBias(),
            new Projection(attention + "q_proj", config.queryCols()),
            new Projection(attention + "k_proj", config.kvCols()),
            new Projection(attention + "v_proj", config.kvCols())),
        qkNorm(attention),
        pack(config.queryCols(), config.outputBias(), new Projection(attention + "o_proj", hidden)),
        norm(prefix + "post_attention_layernorm", hidden),
        pack(
            hidden,
            config.mlpBias(),
            new Projection(mlp + "gate_proj", inner),
            new Projection(mlp + "up_proj", inner)),
        pack(inner, config.mlpBias(), new Projection(mlp + "down_proj", hidden)));
  }

  private Optional<QkNorm> qkNorm(String attention) {
    if (!config.qkNorm()) {
      return Optional.empty();
    }
    return Optional.of(
        new QkNorm(
            norm(attention + "q_norm", config.headDim()),
            norm(attention + "k_norm", config.headDim())));
  }

  /** One part of a fused projection: its name and its output features. */
  private record Projection(String name, int outFeatures) {}

  private LinearWeight pack(int inFeatures, boolean bias, Projection... parts) {
    List<HostTensor> weights = new ArrayList<>();
    List<HostTensor> biases = new ArrayList<>();
    for (Projection part : parts) {
      weights.add(checkpoint.matrix(part.name() + ".weight", part.outFeatures(), inFeatures));
      if (bias) {
        biases.add(checkpoint.vector(part.name() + ".bias", part.outFeatures()));
      }
    }
    return pack(weights, biases);
  }

  private LinearWeight pack(List<HostTensor> weights, List<HostTensor> biases) {
    LinearWeight packed = owned.add(backend.pack(weights, biases));
    weights.forEach(weight -> MappedPages.giveBack(weight.data()));
    return packed;
  }

  private Tensor norm(String name, int channels) {
    return owned.add(backend.upload(checkpoint.vector(name + ".weight", channels)));
  }

  private HostTensor embeddingTable() {
    return checkpoint.matrix("model.embed_tokens.weight", config.vocabSize(), config.hiddenSize());
  }

  private HostTensor headTable() {
    return checkpoint.matrix("lm_head.weight", config.vocabSize(), config.hiddenSize());
  }

  /** A tensor that nobody reads may be a part of the model that config.json does not mention. */
  private void warnOfUnread(Path folder) {
    Set<String> unread = new TreeSet<>(checkpoint.unread());
    unread.removeIf(name -> name.endsWith("rotary_emb.inv_freq")); // old checkpoints; recomputed
    if (config.tieWordEmbeddings()) {
      unread.remove("lm_head.weight"); // some savers store the tied table twice
    }
    if (!unread.isEmpty()) {
      LOG.warn(
          "{} tensors of {} are not used by {}: {}",
          unread.size(),
          folder,
          config.family(),
          unread.stream().limit(UNREAD_NAMED).toList());
    }
  }
}
