package dev.questspark.job.eval.rows;

/**
 * What the block lists of one document's prefill kept of its attention in one layer and KV head: a
 * row of {@code prefill_selection/}, whose columns are the components of these parts in their
 * order.
 */
public record PrefillRow(Document document, String cachePolicy, Kept kept) {

  /** What was watched. */
  public record Document(String suite, String docId, Integer lengthTokens, int documentTokens) {}

  /**
   * What was seen, means over the rows that were looked at and the group's query heads.
   *
   * @param layer from 0
   * @param kvHead from 0
   * @param rows document tokens looked at
   * @param listedShare blocks listed, over blocks before their segments, 0 to 1
   * @param attentionMass share of the softmax weight on listed blocks and the row's segment, 0 to 1
   * @param bestMass the most that lists of the same lengths could have kept
   */
  public record Kept(
      int layer, int kvHead, int rows, double listedShare, double attentionMass, double bestMass) {}
}
