package dev.questspark.engine.model;

import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.Tensor;
import java.util.Optional;

/**
 * The weights of one transformer layer. H hidden size, I intermediate size, Hq and Hkv heads, D
 * head_dim.
 *
 * @param attentionNorm (1, H)
 * @param qkv (Hq * D + 2 * Hkv * D, H): query, key and value projections, one below the other
 * @param qkNorm norms of query and key heads, where the family has them
 * @param output (H, Hq * D)
 * @param mlpNorm (1, H)
 * @param gateUp (2 * I, H): gate and up projections, one below the other
 * @param down (H, I)
 */
public record LayerWeights(
    Tensor attentionNorm,
    LinearWeight qkv,
    Optional<QkNorm> qkNorm,
    LinearWeight output,
    Tensor mlpNorm,
    LinearWeight gateUp,
    LinearWeight down) {

  /** Norm weights of the query heads and of the key heads, (1, D) each. */
  public record QkNorm(Tensor query, Tensor key) {}
}
