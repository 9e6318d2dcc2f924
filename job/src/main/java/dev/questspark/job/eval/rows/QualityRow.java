package dev.questspark.job.eval.rows;

import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.corpus.Defect;
import java.util.List;

/**
 * One answer under one policy: a row of {@code quality/}, whose columns are the components of these
 * parts in their order.
 */
public record QualityRow(
    Question question,
    PolicyColumns policy,
    Outcome outcome,
    Answer answer,
    Tokens tokens,
    Reads reads,
    GivenText text,
    Prefill prefill) {

  /** What was asked, and of which document. */
  public record Question(
      String suite,
      String task,
      String metric,
      String docId,
      int questionId,
      Integer lengthTokens,
      Double depthPercent) {}

  /**
   * Whether there is an answer.
   *
   * @param status ok or error
   * @param errorCode as in {@code answers/}; null when there is an answer
   */
  public record Outcome(String status, String errorCode, String errorMessage) {
    /** There is one. */
    public static final Outcome OK = new Outcome("ok", null, null);

    public static Outcome error(Defect defect) {
      return new Outcome("error", defect.code().name(), defect.message());
    }

    /** There is none. */
    public boolean failed() {
      return status.equals("error");
    }
  }

  /**
   * The answer's worth.
   *
   * @param prediction null on error and for a given text
   * @param score by {@code metric}, 0 to 1; null on error, without references and for a given text
   * @param agreesWithDense the text equals dense attention's; null for dense itself or without it
   * @param tokenAgreement share of dense's tokens that stand at the same place; null likewise
   */
  public record Answer(
      String prediction,
      List<String> references,
      Double score,
      Boolean agreesWithDense,
      Double tokenAgreement) {

    /** Of a question that has no text as an answer. */
    public static Answer none(List<String> references) {
      return new Answer(null, references, null, null, null);
    }
  }

  /**
   * Counts; null on error.
   *
   * @param promptTokens document and question, after truncation
   * @param droppedTokens document tokens that middle truncation left out; 0 on error
   * @param readTokens rows of document and questions that a choice of what is kept goes by; 0
   *     without a choice
   * @param keptTokens prompt tokens whose KV is stored; all without a choice
   */
  public record Tokens(
      Integer promptTokens,
      Integer completionTokens,
      int droppedTokens,
      Integer readTokens,
      Integer keptTokens) {
    public static final Tokens NONE = new Tokens(null, null, 0, null, null);
  }

  /**
   * What the decode steps read; null on error.
   *
   * @param kvTokensMean tokens attended per step, layer and KV head
   */
  public record Reads(
      Long kvBytesRead,
      Long kvBytesDense,
      Double kvTokensMean,
      Integer sparseSteps,
      Integer denseSteps) {
    public static final Reads NONE = new Reads(null, null, null, null, null);
  }

  /**
   * What the model makes of a text that it is given token by token; null on error and for suites
   * that ask questions.
   *
   * @param negLogLikelihood sum over {@code completionTokens} tokens, natural logarithm
   * @param kl of windows alone: mean over the window's rows of KL(dense || policy), nats; 0 for
   *     dense itself
   * @param sameArgmax of windows alone: share of rows whose most probable token is dense
   *     attention's, 0 to 1
   */
  public record GivenText(Double negLogLikelihood, Double kl, Double sameArgmax) {
    /** None was given. */
    public static final GivenText NONE = new GivenText(null, null, null);
  }

  /**
   * Pairs of a document row and a key block, the same for all questions of a document under one
   * cache policy; null on error.
   *
   * @param prefillBlocksTotal what dense attention computes
   * @param prefillBlocksComputed what was computed
   * @param kvBytesDocument bytes of the document's pages while its questions are answered
   */
  public record Prefill(Long prefillBlocksTotal, Long prefillBlocksComputed, Long kvBytesDocument) {
    /** Nothing was prefilled. */
    public static final Prefill NONE = new Prefill(null, null, null);
  }
}
