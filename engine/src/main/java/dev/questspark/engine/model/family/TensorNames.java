package dev.questspark.engine.model.family;

import java.util.List;
import java.util.Optional;

/**
 * How a checkpoint names its tensors, and which of them are stored as one.
 *
 * @param models prefixes that the decoder's tensors may have; the first whose embedding is stored
 *     counts
 * @param heads names that the output projection may have
 * @param norms norms of a layer
 * @param queryNorm norm of the queries, where there is one
 * @param keyNorm norm of the keys, where there is one
 * @param fusedQkv query, key and value projections are one tensor
 * @param fusedGateUp gate and up projections are one tensor
 * @param ignored beginnings of names that belong to parts that are not read (image encoders)
 */
public record TensorNames(
    List<String> models,
    List<String> heads,
    Norms norms,
    String queryNorm,
    String keyNorm,
    boolean fusedQkv,
    boolean fusedGateUp,
    List<String> ignored) {

  /**
   * The norms of a layer: of what enters attention and feed-forward, and of what leaves them before
   * it is added to the residual stream. An input without a norm is the residual stream itself.
   */
  public record Norms(
      Optional<String> beforeAttention,
      Optional<String> afterAttention,
      Optional<String> beforeMlp,
      Optional<String> afterMlp) {

    /** Llama's. */
    static final Norms BEFORE = before("input_layernorm", "post_attention_layernorm");

    /** Of OLMo 2: the residual stream enters as it is. */
    static final Norms AFTER =
        new Norms(
            Optional.empty(),
            Optional.of("post_attention_layernorm"),
            Optional.empty(),
            Optional.of("post_feedforward_layernorm"));

    static Norms before(String attention, String mlp) {
      return new Norms(
          Optional.of(attention), Optional.empty(), Optional.of(mlp), Optional.empty());
    }

    /** One norm, which attention and feed-forward both read. */
    static Norms shared(String name) {
      return new Norms(Optional.of(name), Optional.empty(), Optional.empty(), Optional.empty());
    }

    static Norms around(
        String beforeAttention, String afterAttention, String beforeMlp, String afterMlp) {
      return new Norms(
          Optional.of(beforeAttention),
          Optional.of(afterAttention),
          Optional.of(beforeMlp),
          Optional.of(afterMlp));
    }
  }
}
