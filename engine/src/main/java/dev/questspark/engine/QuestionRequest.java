package dev.questspark.engine;

import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.policy.ReadPolicy;

/**
 * One question about a document: one answer row. Or a text to be scored: its tokens are fed one by
 * one in place of sampled ones, through the same steps, and their log-probabilities come back.
 *
 * @param tokens what follows the document in the prompt; at least one token
 * @param policy which keys the question's rows and the answer's rows read
 * @param denseQuestion {@code question_attention=dense}: the question's rows read every page, only
 *     the answer is sparse
 * @param sampling how the answer is drawn
 * @param forced the whole answer, if it is given instead of drawn; empty otherwise
 * @param logits sees the logits at each forced token
 */
public record QuestionRequest(
    int[] tokens,
    ReadPolicy policy,
    boolean denseQuestion,
    SamplingParams sampling,
    int[] forced,
    LogitsListener logits) {

  public QuestionRequest {
    if (tokens.length == 0) {
      throw new IllegalArgumentException("a question needs at least one token");
    }
    if (forced.length > 0 && (forced.length != sampling.maxTokens() || !sampling.ignoreEos())) {
      throw new IllegalArgumentException(
          "a forced answer of "
              + forced.length
              + " tokens needs max_tokens to equal it and ignore_eos; max_tokens is "
              + sampling.maxTokens());
    }
  }

  /** A question whose answer is drawn. */
  public QuestionRequest(
      int[] tokens, ReadPolicy policy, boolean denseQuestion, SamplingParams sampling) {
    this(tokens, policy, denseQuestion, sampling, new int[0], LogitsListener.NONE);
  }

  /**
   * Asks for the log-probabilities of a text, each token given the document, {@code tokens} and the
   * text before it, with every position read as the policy says.
   */
  public static QuestionRequest scoring(int[] tokens, ReadPolicy policy, int[] text) {
    return scoring(tokens, policy, text, LogitsListener.NONE);
  }

  /**
   * The same with somebody who sees the distributions in whole.
   *
   * @param logits called for every token of {@code text}
   */
  public static QuestionRequest scoring(
      int[] tokens, ReadPolicy policy, int[] text, LogitsListener logits) {
    return new QuestionRequest(
        tokens, policy, false, SamplingParams.endless(text.length), text, logits);
  }
}
