package dev.questspark.job.eval;

/**
 * What one policy would have kept of dense attention in one layer and query head, on one question:
 * a row of {@code selection/}. Dense layers and least contexts are not heeded, so that every layer
 * is seen.
 *
 * @param policy canonical text, without wrappers
 * @param cachePolicy canonical text
 * @param kvBudget tokens; null without a fixed number
 * @param layer from 0
 * @param head query head, from 0
 * @param rows question and answer tokens watched
 * @param attentionMass mean share of the softmax weight on kept pages, 0 to 1
 * @param topTokenRecall mean share of the ten heaviest tokens on kept pages, 0 to 1
 */
public record SelectionRow(
    String suite,
    String task,
    String docId,
    int questionId,
    Integer lengthTokens,
    Double depthPercent,
    int promptTokens,
    String policy,
    String cachePolicy,
    Integer kvBudget,
    int layer,
    int head,
    int rows,
    double attentionMass,
    double topTokenRecall) {}
