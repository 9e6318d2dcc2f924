package dev.questspark.engine.model;

import dev.questspark.engine.ops.DType;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A decoder-only transformer, as {@code config.json} states it; see {@link ModelConfigReader}.
 *
 * @param family which family's reading of the other keys applies
 * @param shape its matrices
 * @param parts what its layers have beside the matrices that all have
 * @param rmsNormEps added to the mean square before its root
 * @param positions how far it sees
 * @param dtype element type the checkpoint says it is stored in, if it says so
 * @param ends ids that begin and end a sequence
 */
public record ModelConfig(
    ModelFamily family,
    Shape shape,
    Parts parts,
    float rmsNormEps,
    Positions positions,
    Optional<DType> dtype,
    Ends ends) {

  /**
   * Rows and columns.
   *
   * @param vocabSize rows of the embedding table
   * @param hiddenSize H
   * @param intermediateSize channels of the gated feed-forward layer
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
   * What only some models have.
   *
   * @param tieWordEmbeddings the output projection is the embedding table
   * @param qkvBias query, key and value projections have biases
   * @param outputBias the attention's output projection has a bias
   * @param mlpBias the feed-forward projections have biases
   * @param qkNorm query and key heads are normalised before the rotation
   */
  public record Parts(
      boolean tieWordEmbeddings,
      boolean qkvBias,
      boolean outputBias,
      boolean mlpBias,
      boolean qkNorm) {}

  /**
   * Positions and windows.
   *
   * @param layerWindows per layer the sliding window in tokens; 0 for none
   * @param maxPositionEmbeddings positions the model was configured for, before RoPE scaling
   * @param rope rotary embedding
   */
  public record Positions(List<Integer> layerWindows, int maxPositionEmbeddings, RopeConfig rope) {
    public Positions {
      layerWindows = List.copyOf(layerWindows);
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
    return parts.tieWordEmbeddings;
  }

  public boolean qkvBias() {
    return parts.qkvBias;
  }

  public boolean outputBias() {
    return parts.outputBias;
  }

  public boolean mlpBias() {
    return parts.mlpBias;
  }

  public boolean qkNorm() {
    return parts.qkNorm;
  }

  public List<Integer> layerWindows() {
    return positions.layerWindows;
  }

  public int maxPositionEmbeddings() {
    return positions.maxPositionEmbeddings;
  }

  public RopeConfig rope() {
    return positions.rope;
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

  /** What a query-key product is multiplied with before the softmax: 1 / sqrt(headDim). */
  public float attentionScale() {
    return (float) (1 / Math.sqrt(shape.headDim));
  }

  /** Columns of all query heads. */
  public int queryCols() {
    return heads() * headDim();
  }

  /** Columns of all key heads, or of all value heads. */
  public int kvCols() {
    return kvHeads() * headDim();
  }

  /** The longest context that the model with its RoPE scaling was made for, in tokens. */
  public int contextTokens() {
    return positions.rope.contextTokens(positions.maxPositionEmbeddings);
  }
}
