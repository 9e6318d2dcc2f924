package dev.questspark.engine;

import dev.questspark.engine.model.AttentionGroup;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.stats.Phase;
import java.util.List;

/**
 * A scheduler step, laid out for the forward pass: rows that attend alike stand together.
 *
 * @param batch the rows
 * @param groups they cover the rows in order
 * @param samples sequences that get a token, in the order of the batch's logit rows
 * @param prefills documents whose rows run
 * @param decodes sequences in their decode phase, in the order of their batch rows
 * @param firstDecodeRow batch row of the first of {@code decodes}; they stand last
 */
record StepPlan(
    RaggedBatch batch,
    List<Group> groups,
    List<Sequence> samples,
    List<Prefill> prefills,
    List<Sequence> decodes,
    int firstDecodeRow) {

  /** Rows of one document. */
  record Prefill(Sequence.Document document, RowRange rows) {}

  /** Rows of one phase and one policy. */
  record Group(Phase phase, ReadPolicy policy, AttentionGroup attention) {}

  List<AttentionGroup> attention() {
    return groups.stream().map(Group::attention).toList();
  }

  int rows(Phase phase) {
    return groups.stream()
        .filter(g -> g.phase() == phase)
        .mapToInt(g -> g.attention().rows().count())
        .sum();
  }
}
