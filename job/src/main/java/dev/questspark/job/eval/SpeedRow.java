package dev.questspark.job.eval;

/**
 * One batch of one policy on one document: a row of {@code speed/}. All rows of the batch decode
 * together and nothing else runs on the engine meanwhile.
 *
 * @param repetition from 0; policies take turns within a repetition
 * @param policy canonical text
 * @param cachePolicy canonical text
 * @param kvBudget tokens; null without a fixed number
 * @param documentTokens prefilled once for all batches of the document
 * @param promptTokens mean of document and question over the batch
 * @param batch rows that decode together
 * @param newTokens tokens that each row generates
 * @param queueMs submission to the document's first step
 * @param prefillMs the document's prefill; the same in all rows of a document
 * @param questionTokens question tokens of the whole batch
 * @param questionMs their time, the first token of every row included
 * @param decodeMs first to last token: {@code newTokens} - 1 steps of {@code batch} rows
 * @param kvBytesRead in the decode steps
 * @param kvBytesDense what dense attention reads in the same steps
 */
public record SpeedRow(
    String docId,
    int repetition,
    String policy,
    String cachePolicy,
    Integer kvBudget,
    int documentTokens,
    double promptTokens,
    int batch,
    int newTokens,
    double queueMs,
    double prefillMs,
    int questionTokens,
    double questionMs,
    double decodeMs,
    long kvBytesRead,
    long kvBytesDense) {}
