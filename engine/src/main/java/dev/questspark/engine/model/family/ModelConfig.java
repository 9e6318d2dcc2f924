package dev.questspark.engine.model.family;

import dev.questspark.engine.model.rope.RopeConfig;
import dev.questspark.engine.ops.DType;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A decoder-only transformer, as {@code config.json} states it; see {@link ModelConfigReader}.
 *
 * @param family which family's reading of the other keys applies
 * @param shape its matrices
 * @param block what a layer is made of
 * @param scales constant factors
 * @param positions how far it sees
 * @param names of its tensors
 * @param dtype element type the checkpoint says it is stored in, if it says so
 * @param ends ids that begin and end a sequence
 */
public record ModelConfig(
    ModelFamily family,
    Shape shape,
    Block block,
    Scales scales,
    Positions positions,
    TensorNames names,
    Optional<DType> dtype,
    Ends ends) {

  /**
   * Rows and columns.
   *
   * @param vocabSize rows of the embedding table
   * @param hiddenSize H
   * @param intermediateSize channels of the feed-forward layer
   * @param layers transformer layers
   * @param heads query heads
   * @param kvHeads key and value heads; divides {@code heads}
   * @param headDim channels per head; even, and not always hiddenSize / heads
   */
  public record Shape(
      int vocabSize,
      int hiddenSize,
      int intermediateSize,
      int layers,
      int heads,
      int kvHeads,
      int headDim) {}

  /**
   * What a layer is made of; where its norms stand is in {@link TensorNames#norms}.
   *
   * @param norm kind of the layer norms
   * @param qkNorm norms of queries and keys
   * @param activation of the feed-forward layer
   * @param biases which projections have one
   * @param experts the feed-forward layers that have experts, where there are any
   * @param parallel feed-forward and attention read the same norm
   * @param tieWordEmbeddings the output projection is the embedding table
   */
  public record Block(
      Norm norm,
      QkNorm qkNorm,
      Activation activation,
      Biases biases,
      Optional<Experts> experts,
      boolean parallel,
      boolean tieWordEmbeddings) {}

  /**
   * A norm.
   *
   * @param eps added to the mean square before its root
   * @param weightOffset added to the stored weight: 1 in families that store what it differs by
   * @param centred the mean is taken off first: a layer norm, not a root-mean-square norm
   * @param bias whether one is added
   */
  public record Norm(float eps, float weightOffset, boolean centred, boolean bias) {}

  /**
   * Which projections have a bias.
   *
   * @param qkv query, key and value
   * @param output the attention's output
   * @param mlp the feed-forward layer's
   */
  public record Biases(boolean qkv, boolean output, boolean mlp) {}

  /**
   * A mixture of experts.
   *
   * @param count experts of a layer
   * @param perToken experts that a token passes
   * @param intermediateSize channels of one
   * @param normalised the chosen experts' weights are scaled to a sum of 1
   * @param layers per layer, whether it has experts
   * @param module name of the module that holds router and experts
   * @param projections names of an expert's gate, up and down projection
   */
  public record Experts(
      int count,
      int perToken,
      int intermediateSize,
      boolean normalised,
      List<Boolean> layers,
      String module,
      List<String> projections) {
    public Experts {
      layers = List.copyOf(layers);
      projections = List.copyOf(projections);
    }
  }

  /**
   * Constant factors; 1 in most families.
   *
   * @param embedding on the embedding
   * @param residual on what a layer adds to the residual stream
   * @param attention on a query-key product, before the softmax
   * @param logits on the logits
   * @param attentionCap the products are cap * tanh(product / cap); 0 for none
   * @param logitCap the same of the logits
   */
  public record Scales(
      float embedding,
      float residual,
      float attention,
      float logits,
      float attentionCap,
      float logitCap) {}

  /**
   * Positions and windows.
   *
   * @param layerWindows per layer the sliding window in tokens; 0 for none
   * @param layerRopes per layer the rotary embedding
   * @param pairs which channels turn together
   * @param maxPositionEmbeddings positions the model was configured for, before RoPE scaling
   */
  public record Positions(
      List<Integer> layerWindows,
      List<RopeConfig> layerRopes,
      RotaryPairs pairs,
      int maxPositionEmbeddings) {
    public Positions {
      layerWindows = List.copyOf(layerWindows);
      layerRopes = List.copyOf(layerRopes);
    }
  }

  /**
   * Special ids.
   *
   * @param bosTokenId begin-of-sequence id
   * @param eosTokenIds ids that end a sequence
   */
  public record Ends(OptionalInt bosTokenId, List<Integer> eosTokenIds) {
    public Ends {
      eosTokenIds = List.copyOf(eosTokenIds);
    }
  }

  public ModelConfig {
    if (positions.layerWindows.size() != shape.layers
        || positions.layerRopes.size() != shape.layers
        || shape.heads % shape.kvHeads != 0
        || shape.headDim % 2 != 0) {
      throw new IllegalArgumentException(
          "model shape: " + shape + " with " + positions.layerWindows.size() + " windows");
    }
  }

  // Read one by one everywhere; the records above say what each is.

  public int vocabSize() {
    return shape.vocabSize;
  }

  public int hiddenSize() {
    return shape.hiddenSize;
  }

  public int intermediateSize() {
    return shape.intermediateSize;
  }

  public int layers() {
    return shape.layers;
  }

  public int heads() {
    return shape.heads;
  }

  public int kvHeads() {
    return shape.kvHeads;
  }

  public int headDim() {
    return shape.headDim;
  }

  public boolean tieWordEmbeddings() {
    return block.tieWordEmbeddings;
  }

  public Biases biases() {
    return block.biases;
  }

  public QkNorm qkNorm() {
    return block.qkNorm;
  }

  public Activation activation() {
    return block.activation;
  }

  public List<Integer> layerWindows() {
    return positions.layerWindows;
  }

  public int maxPositionEmbeddings() {
    return positions.maxPositionEmbeddings;
  }

  public OptionalInt bosTokenId() {
    return ends.bosTokenId;
  }

  public List<Integer> eosTokenIds() {
    return ends.eosTokenIds;
  }

  /** The sliding window of a layer in tokens, its own token included; 0 for none. */
  public int window(int layer) {
    return positions.layerWindows.get(layer);
  }

  /** The rotary embedding of a layer. */
  public RopeConfig rope(int layer) {
    return positions.layerRopes.get(layer);
  }

  /** What a query-key product is multiplied with before the softmax. */
  public float attentionScale() {
    return scales.attention;
  }

  /**
   * What embeddings are multiplied with. The residual stream is kept divided by {@link
   * Scales#residual}, so that what a layer adds needs no factor: the norms that read it do not see
   * the difference, given {@link #hiddenEps}.
   */
  public float embeddingScale() {
    return scales.embedding / scales.residual;
  }

  /** What is added to the mean square of the residual stream, as it is kept. */
  public float hiddenEps() {
    return block.norm.eps / (scales.residual * scales.residual);
  }

  /** Columns of all query heads. */
  public int queryCols() {
    return heads() * headDim();
  }

  /** Columns of all key heads, or of all value heads. */
  public int kvCols() {
    return kvHeads() * headDim();
  }

  /** Whether a layer's feed-forward is a mixture of experts. */
  public boolean hasExperts(int layer) {
    return block.experts.isPresent() && block.experts.get().layers.get(layer);
  }

  /**
   * The longest context that the model with its RoPE scaling was made for, in tokens: of all its
   * layers that rotate.
   */
  public int contextTokens() {
    return positions.layerRopes.stream()
        .filter(rope -> rope.rotatedChannels(headDim()) > 0)
        .mapToInt(rope -> rope.contextTokens(positions.maxPositionEmbeddings))
        .min()
        .orElse(positions.maxPositionEmbeddings);
  }
}
