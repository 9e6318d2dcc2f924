package dev.questspark.job.report;

/**
 * One policy of a sweep or an evaluation: a row of {@code stats/} and of the page's table.
 * Intervals are 95 %, null under three values. Null where the run has no such measurement.
 *
 * @param kvBudget tokens; -1 is full
 * @param score mean over the questions with references, 0 to 1
 * @param scoreMinusDense mean of the differences question by question
 * @param textAgreement share of answers whose text equals dense attention's
 * @param tokenAgreement mean share of dense attention's tokens at the same place
 * @param perplexity exp of the mean negative log-likelihood per token over all texts; the interval
 *     is over texts
 * @param perplexityOverDense over dense attention's on the same text, geometric mean; the interval
 *     is over texts, paired
 * @param kvReadShare KV bytes read in decode steps, digests included, over what dense attention
 *     reads
 * @param attentionMass share of dense attention's softmax weight on the pages that the policy
 *     keeps, mean over layers, query heads and watched rows; dense layers not heeded. The interval
 *     is over documents
 * @param topTokenRecall share of the ten heaviest tokens on kept pages, likewise
 * @param repetitions speed measurements per document
 * @param decodeThroughput generated tokens per second of decode time: per repetition over all
 *     documents, then the geometric mean; the interval is over repetitions, on the logarithm
 * @param decodeSpeedup over dense attention's
 * @param tpotMs decode time over decode steps, mean over documents and repetitions
 * @param prefillThroughput document tokens per second of prefill; the same for all policies of a
 *     document
 * @param questionThroughput question tokens per second, the first generated token included
 * @param documentsPerHour one device: prefill, then one batch of questions and answers
 * @param documentsPerHourCeiling the same if questions and answers took no time
 * @param endToEndSpeedup {@code documentsPerHour} over dense attention's
 * @param deviceHoursPerBillionTokens prompt and generated tokens
 */
public record PolicySummary(
    String selector,
    int kvBudget,
    String pageScore,
    int sparseSkipLayers,
    int questions,
    int errors,
    Double score,
    Double scoreLow,
    Double scoreHigh,
    Double scoreMinusDense,
    Double scoreMinusDenseLow,
    Double scoreMinusDenseHigh,
    Double textAgreement,
    Double tokenAgreement,
    Double perplexity,
    Double perplexityLow,
    Double perplexityHigh,
    Double perplexityOverDense,
    Double perplexityOverDenseLow,
    Double perplexityOverDenseHigh,
    Double kvReadShare,
    Double attentionMass,
    Double attentionMassLow,
    Double attentionMassHigh,
    Double topTokenRecall,
    int repetitions,
    Double decodeThroughput,
    Double decodeThroughputLow,
    Double decodeThroughputHigh,
    Double decodeSpeedup,
    Double tpotMs,
    Double prefillThroughput,
    Double questionThroughput,
    Double documentsPerHour,
    Double documentsPerHourCeiling,
    Double endToEndSpeedup,
    Double deviceHoursPerBillionTokens) {

  Policy policy() {
    return new Policy(selector, kvBudget, pageScore, sparseSkipLayers);
  }
}
