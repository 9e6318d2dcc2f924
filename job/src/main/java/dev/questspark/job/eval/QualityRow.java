package dev.questspark.job.eval;

import java.util.List;

/**
 * One answer under one policy: a row of {@code quality/}.
 *
 * @param policy canonical text
 * @param cachePolicy canonical text
 * @param kvBudget tokens; null without a fixed number
 * @param status ok or error
 * @param errorCode as in {@code answers/}; null when there is an answer
 * @param score by {@code metric}, 0 to 1; null on error, without references and for perplexity
 * @param agreesWithDense the text equals dense attention's; null for dense itself or without it
 * @param tokenAgreement share of dense's tokens that stand at the same place; null likewise
 * @param promptTokens document and question, after truncation
 * @param droppedTokens document tokens that middle truncation left out
 * @param negLogLikelihood sum over {@code completionTokens} tokens, natural logarithm; only for
 *     perplexity
 */
public record QualityRow(
    String suite,
    String task,
    String metric,
    String docId,
    int questionId,
    Integer lengthTokens,
    Double depthPercent,
    String policy,
    String cachePolicy,
    Integer kvBudget,
    String status,
    String errorCode,
    String errorMessage,
    String prediction,
    List<String> references,
    Double score,
    Boolean agreesWithDense,
    Double tokenAgreement,
    Integer promptTokens,
    Integer completionTokens,
    int droppedTokens,
    Long kvBytesRead,
    Long kvBytesDense,
    Integer sparseSteps,
    Integer denseSteps,
    Double negLogLikelihood) {}
