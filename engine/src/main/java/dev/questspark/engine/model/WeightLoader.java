package dev.questspark.engine.model;

import dev.questspark.engine.checkpoint.ModelFiles;
import dev.questspark.engine.checkpoint.files.Checkpoint;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.Activation;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.TensorNames;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.Backend;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the tensors of a checkpoint by the names that its family gives them, and brings them to the
 * backend as the decoder computes with them: fused, and with the channels of queries and keys in
 * the order of the rotation. Each tensor is mapped, handed to the backend and forgotten, so that
 * its mapping can be collected while the next one loads.
 */
final class WeightLoader {
  private static final Logger LOG = LoggerFactory.getLogger(WeightLoader.class);
  private static final int UNREAD_NAMED = 5;

  private final ModelConfig config;

  /** Null where the checkpoint is only checked. */
  private final Backend backend;

  private final Checkpoint checkpoint;
  private final Consumer<HostTensor> visitor; // sees every tensor as it is stored
  private final String model; // prefix of the decoder's tensors
  private final ModelWeights.Owned owned = new ModelWeights.Owned();

  private WeightLoader(
      ModelConfig config, Backend backend, Checkpoint checkpoint, Consumer<HostTensor> visitor) {
    this.config = config;
    this.backend = backend;
    this.checkpoint = checkpoint;
    this.visitor = visitor;
    this.model = stored(config.names().models(), "embed_tokens.weight");
  }

  static ModelWeights load(Path folder, ModelConfig config, Backend backend) {
    long start = System.nanoTime();
    try (Checkpoint checkpoint = ModelFiles.of(folder).weights()) {
      WeightLoader loader = new WeightLoader(config, backend, checkpoint, tensor -> {});
      try {
        ModelWeights weights = loader.load();
        long millis = (System.nanoTime() - start) / 1_000_000;
        LOG.info("model weights: {} bytes from {} in {} ms", weights.bytes(), folder, millis);
        if (!checkpoint.format().isEmpty()) {
          LOG.info("model weights are {}", checkpoint.format());
        }
        loader.warnOfUnread(folder);
        return weights;
      } catch (Throwable failure) {
        loader.owned.close();
        throw failure;
      }
    }
  }

  /** Asks for every tensor, and brings none anywhere. */
  static void check(Path folder, ModelConfig config) {
    visit(folder, config, tensor -> {});
  }

  /** Shows every tensor that the model reads to somebody else than a backend. */
  private static void visit(Path folder, ModelConfig config, Consumer<HostTensor> visitor) {
    try (Checkpoint checkpoint = ModelFiles.of(folder).weights()) {
      new WeightLoader(config, null, checkpoint, visitor).load();
    }
  }

  static ConfigException notFinite(Path folder, ModelConfig config) {
    Map<String, Long> counts = new LinkedHashMap<>();
    visit(
        folder,
        config,
        tensor -> {
          long count = tensor.countNotFinite();
          if (count > 0) {
            counts.put(tensor.name(), count);
          }
        });
    if (counts.isEmpty()) {
      return new ConfigException(
          "model "
              + folder
              + " computes NaN, although all its weights are finite; use --dtype float32");
    }
    Map.Entry<String, Long> first = counts.entrySet().iterator().next();
    return new ConfigException(
        "model "
            + folder
            + " computes NaN: tensor "
            + first.getKey()
            + " holds "
            + first.getValue()
            + " values that are not finite"
            + (counts.size() > 1 ? ", and so do " + (counts.size() - 1) + " others" : "")
            + "; copy the checkpoint again, or take one that is sound");
  }

  /** The first of several beginnings of a name that the checkpoint has; else the first. */
  private String stored(List<String> beginnings, String end) {
    return beginnings.stream()
        .filter(beginning -> checkpoint.names().contains(beginning + end))
        .findFirst()
        .orElse(beginnings.get(0));
  }

  private ModelWeights load() {
    List<LayerWeights> layers = new ArrayList<>(config.layers());
    for (int layer = 0; layer < config.layers(); layer++) {
      layers.add(layer(layer, model + "layers." + layer + "."));
    }
    LayerWeights.Norm finalNorm = norm(model + "norm", config.scales().logits());
    boolean tied = config.tieWordEmbeddings() && !hasOtherHead();
    LinearWeight lmHead = pack(List.of(tied ? embeddingTable() : headTable()), List.of());
    return new ModelWeights(embedding(lmHead, tied), layers, finalNorm, lmHead, owned);
  }

  /**
   * Some savers store a tied table twice, and some models say that it is tied and store another
   * one: what is stored counts, as in transformers.
   */
  private boolean hasOtherHead() {
    if (!checkpoint.names().contains(headName())) {
      return false;
    }
    boolean other = !headTable().sameAs(embeddingTable());
    if (other) {
      LOG.info(
          "{} is not the embedding, although tie_word_embeddings is true; it is used", headName());
    }
    return other;
  }

  /** A tied table is read out of the output projection where the backend can, and kept once. */
  private Tensor embedding(LinearWeight lmHead, boolean shared) {
    Optional<Tensor> tied = shared && backend != null ? backend.rowsOf(lmHead) : Optional.empty();
    return tied.orElseGet(
        () -> {
          HostTensor table = embeddingTable();
          if (backend == null) {
            return null;
          }
          Tensor embedding = owned.add(backend.uploadTable(table));
          table.giveBack();
          return embedding;
        });
  }

  private LayerWeights layer(int layer, String prefix) {
    String attention = prefix + "self_attn.";
    int rotated = config.rope(layer).rotatedChannels(config.headDim());
    HeadOrder order = new HeadOrder(config.positions().pairs().order(config.headDim(), rotated));
    TensorNames.Norms norms = config.names().norms();
    return new LayerWeights(
        new LayerWeights.Norms(
            norms.beforeAttention().map(name -> norm(prefix + name, 1)),
            norms.afterAttention().map(name -> norm(prefix + name, 1)),
            norms.beforeMlp().map(name -> norm(prefix + name, 1)),
            norms.afterMlp().map(name -> norm(prefix + name, 1))),
        qkv(attention, order),
        qkNorm(attention, order),
        pack(
            config.queryCols(),
            config.biases().output(),
            List.of(new Projection(attention + "o_proj", config.hiddenSize()))),
        config.hasExperts(layer)
            ? experts(prefix, config.block().experts().orElseThrow())
            : mlp(prefix + "mlp."));
  }

  private LinearWeight qkv(String attention, HeadOrder order) {
    int queries = config.queryCols();
    int keys = config.kvCols();
    List<Projection> parts =
        config.names().fusedQkv()
            ? List.of(
                new Projection(attention + "qkv_proj", queries + 2 * keys, order, queries + keys))
            : List.of(
                new Projection(attention + "q_proj", queries, order, queries),
                new Projection(attention + "k_proj", keys, order, keys),
                new Projection(attention + "v_proj", keys));
    return pack(config.hiddenSize(), config.biases().qkv(), parts);
  }

  private Optional<LayerWeights.QkNorm> qkNorm(String attention, HeadOrder order) {
    String query = attention + config.names().queryNorm();
    String key = attention + config.names().keyNorm();
    int headDim = config.headDim();
    return switch (config.qkNorm()) {
      case NONE -> Optional.empty();
      case HEAD -> Optional.of(qkNorm(query, headDim, key, headDim, order));
      case ROW -> Optional.of(qkNorm(query, config.queryCols(), key, config.kvCols(), order));
      case HEAD_AFTER_ROTATION -> Optional.of(qkNormAfterRotation(query, key, order));
    };
  }

  private LayerWeights.QkNorm qkNorm(
      String query, int queries, String key, int keys, HeadOrder order) {
    return new LayerWeights.QkNorm(
        upload(order.cols(normWeight(query, queries, 1), queries)),
        upload(order.cols(normWeight(key, keys, 1), keys)));
  }

  /**
   * A key is cached as soon as it is rotated, and the rotation does not change its length: it is
   * normalised before, without its weight, and the query's weight takes that of the key as well.
   */
  private LayerWeights.QkNorm qkNormAfterRotation(String query, String key, HeadOrder order) {
    int headDim = config.headDim();
    HostTensor queries = order.cols(normWeight(query, headDim, 1), headDim);
    HostTensor keys = order.cols(normWeight(key, headDim, 1), headDim);
    float[] product = new float[headDim];
    float[] ones = new float[headDim];
    for (int i = 0; i < headDim; i++) {
      product[i] = queries.get(0, i) * keys.get(0, i);
      ones[i] = 1;
    }
    return new LayerWeights.QkNorm(
        upload(HostFloats.vector(query + " of both", product)),
        upload(HostFloats.vector("no weight", ones)));
  }

  private LayerWeights.Mlp mlp(String mlp) {
    int inner = config.intermediateSize();
    List<Projection> up;
    if (!config.activation().gated()) {
      up = List.of(new Projection(mlp + "up_proj", inner));
    } else if (config.names().fusedGateUp()) {
      up = List.of(new Projection(mlp + "gate_up_proj", 2 * inner));
    } else {
      up =
          List.of(new Projection(mlp + "gate_proj", inner), new Projection(mlp + "up_proj", inner));
    }
    boolean bias = config.biases().mlp();
    return new LayerWeights.Mlp(
        pack(config.hiddenSize(), bias, up),
        pack(inner, bias, List.of(new Projection(mlp + "down_proj", config.hiddenSize()))),
        curve(mlp));
  }

  private LayerWeights.Experts experts(String layer, ModelConfig.Experts experts) {
    String module = layer + experts.module() + ".";
    int hidden = config.hiddenSize();
    int inner = experts.intermediateSize();
    List<List<HostTensor>> up = new ArrayList<>();
    List<List<HostTensor>> down = new ArrayList<>();
    for (int i = 0; i < experts.count(); i++) {
      String expert = module + "experts." + i + ".";
      List<String> names =
          experts.projections().stream().map(name -> expert + name + ".weight").toList();
      up.add(List.of(matrix(names.get(0), inner, hidden), matrix(names.get(1), inner, hidden)));
      down.add(List.of(matrix(names.get(2), hidden, inner)));
    }
    return new LayerWeights.Experts(
        pack(hidden, false, List.of(new Projection(module + "gate", experts.count()))),
        packExperts(up),
        packExperts(down));
  }

  private LinearWeight packExperts(List<List<HostTensor>> experts) {
    if (backend == null) {
      return null;
    }
    LinearWeight packed = owned.add(backend.packExperts(experts));
    experts.forEach(weights -> weights.forEach(HostTensor::giveBack));
    return packed;
  }

  private Optional<LayerWeights.Curve> curve(String mlp) {
    Activation activation = config.activation();
    if (activation == Activation.RELU_SQUARED) {
      return Optional.of(new LayerWeights.Curve(1, 0, 0));
    }
    if (activation == Activation.XIELU) {
      float slope = 0.5f; // beta of transformers' class, where it is a constant
      double square = softplus(vector(mlp + "act_fn.alpha_p", 1).get(0, 0));
      double exponential = slope + softplus(vector(mlp + "act_fn.alpha_n", 1).get(0, 0));
      return Optional.of(new LayerWeights.Curve((float) square, (float) exponential, slope));
    }
    return Optional.empty();
  }

  private static double softplus(double x) {
    return Math.log1p(Math.exp(x));
  }

  /**
   * One part of a fused projection: its name, its output features, and how many of these belong to
   * heads whose channels are reordered.
   */
  private record Projection(String name, int outFeatures, HeadOrder order, int reordered) {
    Projection(String name, int outFeatures) {
      this(name, outFeatures, new HeadOrder(new int[1]), 0);
    }
  }

  private LinearWeight pack(int inFeatures, boolean bias, List<Projection> parts) {
    List<HostTensor> weights = new ArrayList<>();
    List<HostTensor> biases = new ArrayList<>();
    for (Projection part : parts) {
      HostTensor weight = matrix(part.name() + ".weight", part.outFeatures(), inFeatures);
      weights.add(part.order().rows(weight, part.reordered()));
      if (bias) {
        HostTensor vector = vector(part.name() + ".bias", part.outFeatures());
        biases.add(part.order().cols(vector, part.reordered()));
      }
    }
    return pack(weights, biases);
  }

  private LinearWeight pack(List<HostTensor> weights, List<HostTensor> biases) {
    if (backend == null) {
      return null;
    }
    LinearWeight packed = owned.add(backend.pack(weights, biases));
    weights.forEach(HostTensor::giveBack);
    return packed;
  }

  /**
   * A layer norm, (1, H).
   *
   * @param factor on what it gives
   */
  private LayerWeights.Norm norm(String name, float factor) {
    int channels = config.hiddenSize();
    Tensor weight = upload(normWeight(name, channels, factor));
    if (!config.block().norm().centred()) {
      return new LayerWeights.Norm(weight, Optional.empty());
    }
    float[] bias = new float[channels];
    if (config.block().norm().bias()) {
      HostTensor stored = vector(name + ".bias", channels);
      for (int i = 0; i < channels; i++) {
        bias[i] = factor * stored.get(0, i);
      }
    }
    return new LayerWeights.Norm(
        weight, Optional.ofNullable(upload(HostFloats.vector(name + ".bias", bias))));
  }

  /** A norm's weight, with the family's offset. */
  private HostTensor normWeight(String name, int channels, float factor) {
    HostTensor stored = vector(name + ".weight", channels);
    float offset = config.block().norm().weightOffset();
    if (offset == 0 && factor == 1) {
      return stored;
    }
    float[] weight = new float[channels];
    for (int i = 0; i < channels; i++) {
      weight[i] = factor * (offset + stored.get(0, i));
    }
    return HostFloats.vector(stored.name(), weight);
  }

  private Tensor upload(HostTensor vector) {
    return backend == null ? null : owned.add(backend.upload(vector));
  }

  private HostTensor vector(String name, int length) {
    HostTensor vector = checkpoint.vector(name, length);
    visitor.accept(vector);
    return vector;
  }

  private HostTensor matrix(String name, int rows, int cols) {
    HostTensor matrix = checkpoint.matrix(name, rows, cols);
    visitor.accept(matrix);
    return matrix;
  }

  private HostTensor embeddingTable() {
    return matrix(model + "embed_tokens.weight", config.vocabSize(), config.hiddenSize());
  }

  private HostTensor headTable() {
    return matrix(headName(), config.vocabSize(), config.hiddenSize());
  }

  private String headName() {
    return stored(config.names().heads(), ".weight") + ".weight";
  }

  /** A tensor that nobody reads may be a part of the model that config.json does not mention. */
  private void warnOfUnread(Path folder) {
    Set<String> unread = new TreeSet<>(checkpoint.unread());
    unread.removeIf(name -> name.endsWith("rotary_emb.inv_freq")); // old checkpoints; recomputed
    unread.removeIf(name -> name.matches(".*\\.act_fn\\.(beta|eps)")); // xIELU's constants
    int before = unread.size();
    unread.removeIf(name -> config.names().ignored().stream().anyMatch(name::contains));
    if (unread.size() < before) {
      LOG.info(
          "{} tensors of {} belong to its image part, which is not read",
          before - unread.size(),
          folder);
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
