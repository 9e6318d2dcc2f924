package dev.questspark.job.eval.rows;

import dev.questspark.job.answer.PolicyColumns;

/**
 * What one policy would have kept of dense attention in one layer and query head, on one question:
 * a row of {@code selection/}, whose columns are the components of these parts in their order.
 * Dense layers and least contexts are not heeded, so that every layer is seen.
 *
 * @param policy without wrappers
 */
public record SelectionRow(Question question, PolicyColumns policy, Kept kept) {

  /** What was watched. */
  public record Question(
      String suite,
      String task,
      String docId,
      int questionId,
      Integer lengthTokens,
      Double depthPercent,
      int promptTokens) {}

  /**
   * What was seen.
   *
   * @param layer from 0
   * @param head query head, from 0
   * @param rows question and answer tokens watched
   * @param attentionMass mean share of the softmax weight on kept pages, 0 to 1
   * @param topTokenRecall mean share of the ten heaviest tokens on kept pages, 0 to 1
   */
  public record Kept(int layer, int head, int rows, double attentionMass, double topTokenRecall) {}
}
