package dev.questspark.engine.ops;

import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import java.util.Optional;

/**
 * How {@code scorePages} scores.
 *
 * @param score of a query head
 * @param reduction over the group of query heads that share a KV head
 * @param scale attention's factor of q.k, which {@link GroupReduction#SOFTMAX} weighs scores with
 * @param headScores scratch for {@link GroupReduction#SOFTMAX}: (rows.count * Hq, columns of the
 *     scores); the others need none
 */
public record Scoring(
    PageScore score, GroupReduction reduction, float scale, Optional<Tensor> headScores) {

  public Scoring {
    if (reduction == GroupReduction.SOFTMAX && headScores.isEmpty()) {
      throw new IllegalArgumentException(
          "reduction softmax has no memory for the scores of each head; open the engine with it");
    }
  }

  /** For a reduction that needs no scratch. */
  public static Scoring of(PageScore score, GroupReduction reduction) {
    return new Scoring(score, reduction, 1, Optional.empty());
  }
}
