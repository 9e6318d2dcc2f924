package dev.questspark.engine.reader;

import java.util.List;
import java.util.Optional;

/**
 * What a choice of a document's tokens goes by, beside the questions that are asked; of no account
 * where all tokens are prefilled.
 *
 * @param templateTokens how many of the request's tokens stand before the document: they are always
 *     kept
 * @param unasked tokens of questions that are not asked here and yet belong to the document: what
 *     is kept for all its questions is kept for them too
 * @param askingTail how many of the document's last tokens stand in for the questions: for a text
 *     that goes on, and for no question; else 0
 * @param closing tokens that a template puts behind a question; empty where it puts none
 * @param reading what earlier requests on the same document have read, and this one leaves to later
 *     ones; empty where each reads for itself
 */
public record TokenChoice(
    int templateTokens,
    List<int[]> unasked,
    int askingTail,
    int[] closing,
    Optional<SharedReading> reading) {

  /** Without a template, for the questions that are asked. */
  public static final TokenChoice PLAIN = behind(0);

  public TokenChoice {
    unasked = List.copyOf(unasked);
    if (templateTokens < 0 || askingTail < 0) {
      throw new IllegalArgumentException(
          templateTokens + " template tokens and an asking tail of " + askingTail);
    }
  }

  /** Of a document behind a template, for the questions that are asked. */
  public static TokenChoice behind(int templateTokens) {
    return new TokenChoice(templateTokens, List.of(), 0, new int[0], Optional.empty());
  }

  /** The same with further questions of the document. */
  public TokenChoice withUnasked(List<int[]> questions) {
    return new TokenChoice(templateTokens, questions, askingTail, closing, reading);
  }

  /** The same where the last tokens ask. */
  public TokenChoice withAskingTail(int tokens) {
    return new TokenChoice(templateTokens, unasked, tokens, closing, reading);
  }

  /** The same with what the template puts behind a question. */
  public TokenChoice withClosing(int[] tokens) {
    return new TokenChoice(templateTokens, unasked, askingTail, tokens, reading);
  }

  /** The same with a reading that other requests share. */
  public TokenChoice withReading(SharedReading shared) {
    return new TokenChoice(templateTokens, unasked, askingTail, closing, Optional.of(shared));
  }
}
