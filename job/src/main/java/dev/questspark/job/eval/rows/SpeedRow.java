package dev.questspark.job.eval.rows;

import dev.questspark.job.answer.PolicyColumns;

/**
 * One batch of one policy on one document: a row of {@code speed/}, whose columns are the
 * components of these parts in their order. All rows of the batch decode together and nothing else
 * runs on the engine meanwhile.
 *
 * @param repetition from 0; policies take turns within a repetition
 */
public record SpeedRow(
    String docId, int repetition, PolicyColumns policy, Load load, Times times, Reads reads) {

  /**
   * What the batch had to do.
   *
   * @param documentTokens prefilled once for all batches of the document
   * @param promptTokens mean of document and question over the batch
   * @param batch rows that decode together
   * @param newTokens tokens that each row generates
   */
  public record Load(int documentTokens, double promptTokens, int batch, int newTokens) {}

  /**
   * How long it took.
   *
   * @param queueMs submission to the document's first step
   * @param prefillMs the document's prefill; the same in all rows of a document
   * @param questionTokens question tokens of the whole batch
   * @param questionMs their time, the first token of every row included
   * @param decodeMs first to last token: {@code newTokens} - 1 steps of {@code batch} rows
   */
  public record Times(
      double queueMs, double prefillMs, int questionTokens, double questionMs, double decodeMs) {}

  /**
   * What the decode steps read.
   *
   * @param kvBytesDense what dense attention reads in the same steps
   */
  public record Reads(long kvBytesRead, long kvBytesDense) {}
}
