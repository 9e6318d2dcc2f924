package dev.questspark.engine.model;

import dev.questspark.engine.ops.DType;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * The shape of a decoder-only transformer, as {@code config.json} states it; see {@link
 * ModelConfigReader}.
 *
 * @param family which family's reading of the other keys applies
 * @param vocabSize rows of the embedding table
 * @param hiddenSize H
 * @param intermediateSize channels of the gated feed-forward layer
 * @param layers transformer layers
 * @param heads query heads
 * @param kvHeads key and value heads; divides {@code heads}
 * @param headDim channels per head; even, and not always hiddenSize / heads
 * @param rmsNormEps added to the mean square before its root
 * @param tieWordEmbeddings the output projection is the embedding table
 * @param qkvBias query, key and value projections have biases
 * @param outputBias the attention's output projection has a bias
 * @param mlpBias the feed-forward projections have biases
 * @param qkNorm query and key heads are normalised before the rotation
 * @param layerWindows per layer the sliding window in tokens; 0 for none
 * @param maxPositionEmbeddings positions the model was configured for, before RoPE scaling
 * @param rope rotary embedding
 * @param dtype element type the checkpoint says it is stored in, if it says so
 * @param bosTokenId begin-of-sequence id
 * @param eosTokenIds ids that end a sequence
 */
public record ModelConfig(
    ModelFamily family,
    int vocabSize,
    int hiddenSize,
    int intermediateSize,
    int layers,
    int heads,
    int kvHeads,
    int headDim,
    float rmsNormEps,
    boolean tieWordEmbeddings,
    boolean qkvBias,
    boolean outputBias,
    boolean mlpBias,
    boolean qkNorm,
    List<Integer> layerWindows,
    int maxPositionEmbeddings,
    RopeConfig rope,
    Optional<DType> dtype,
    OptionalInt bosTokenId,
    List<Integer> eosTokenIds) {

  public ModelConfig {
    layerWindows = List.copyOf(layerWindows);
    eosTokenIds = List.copyOf(eosTokenIds);
    if (layerWindows.size() != layers || heads % kvHeads != 0 || headDim % 2 != 0) {
      throw new IllegalArgumentException(
          "model shape: layers "
              + layers
              + " with "
              + layerWindows.size()
              + " windows, heads "
              + heads
              + ", kvHeads "
              + kvHeads
              + ", headDim "
              + headDim);
    }
  }

  /** The sliding window of a layer in tokens, its own token included; 0 for none. */
  public int window(int layer) {
    return layerWindows.get(layer);
  }

  /** What a query-key product is multiplied with before the softmax: 1 / sqrt(headDim). */
  public float attentionScale() {
    return (float) (1 / Math.sqrt(headDim));
  }

  /** Columns of all query heads. */
  public int queryCols() {
    return heads * headDim;
  }

  /** Columns of all key heads, or of all value heads. */
  public int kvCols() {
    return kvHeads * headDim;
  }

  /** The longest context that the model with its RoPE scaling was made for, in tokens. */
  public int contextTokens() {
    return rope.contextTokens(maxPositionEmbeddings);
  }
}
