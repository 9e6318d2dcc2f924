package dev.questspark.engine.model;

import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.Tensor;
import java.util.Optional;

/**
 * The weights of one transformer layer. H hidden size, I intermediate size, Hq and Hkv heads, D
 * head_dim.
 *
 * @param norms around attention and feed-forward
 * @param qkv (Hq * D + 2 * Hkv * D, H): query, key and value projections, one below the other
 * @param qkNorm norms of queries and keys, where the family has them
 * @param output (H, Hq * D)
 * @param feedForward what follows attention
 */
record LayerWeights(
    Norms norms,
    LinearWeight qkv,
    Optional<QkNorm> qkNorm,
    LinearWeight output,
    FeedForward feedForward) {

  /**
   * A norm's weight and, of a layer norm, its bias: (1, H) each.
   *
   * @param bias zeros where the checkpoint has none; absent for a root-mean-square norm
   */
  record Norm(Tensor weight, Optional<Tensor> bias) {}

  /** Norms of what enters attention and feed-forward, and of what leaves them. */
  record Norms(
      Optional<Norm> beforeAttention,
      Optional<Norm> afterAttention,
      Optional<Norm> beforeMlp,
      Optional<Norm> afterMlp) {}

  /**
   * Norm weights of queries and of keys: (1, D) each where heads are normalised one by one, else
   * (1, Hq * D) and (1, Hkv * D).
   */
  record QkNorm(Tensor query, Tensor key) {}

  /** What follows attention. */
  sealed interface FeedForward {}

  /**
   * One feed-forward layer.
   *
   * @param up (2 * I, H): gate and up projections, one below the other; (I, H) without a gate
   * @param down (H, I)
   * @param curve numbers of the activation, where it has any
   */
  record Mlp(LinearWeight up, LinearWeight down, Optional<Curve> curve) implements FeedForward {}

  /** The arguments of {@code TensorOps.xielu}. */
  record Curve(float square, float exponential, float slope) {}

  /**
   * A mixture of experts.
   *
   * @param router (E, H)
   * @param up (E * 2 * I, H): of each expert the gate and the up projection, one below the other
   * @param down (E * H, I)
   */
  record Experts(LinearWeight router, LinearWeight up, LinearWeight down) implements FeedForward {}
}
