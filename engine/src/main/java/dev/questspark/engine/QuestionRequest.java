package dev.questspark.engine;

import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.select.SelectionStudy;
import dev.questspark.engine.select.SelectorSpec;
import java.util.List;
import java.util.Optional;

/**
 * One question about a document: one answer row. Or a text to be scored: its tokens are fed one by
 * one in place of sampled ones, through the same steps, and their log-probabilities come back.
 *
 * @param tokens what follows the document in the prompt; at least one token
 * @param selector which pages the question's rows and the answer's rows read
 * @param denseQuestion {@code question_attention=dense}: the question's rows read every page, only
 *     the answer is sparse
 * @param sampling how the answer is drawn
 * @param forced the whole answer, if it is given instead of drawn; empty otherwise
 * @param study filled while the question is answered densely; empty for all ordinary questions
 */
public record QuestionRequest(
    int[] tokens,
    SelectorSpec selector,
    boolean denseQuestion,
    SamplingParams sampling,
    int[] forced,
    Optional<SelectionStudy> study) {

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
    if (study.isPresent() != selector.equals(SelectorSpec.studied())) {
      throw new IllegalArgumentException(
          "a study and the selector " + selector.selector() + " do not go together");
    }
  }

  /** A question whose answer is drawn. */
  public QuestionRequest(
      int[] tokens, SelectorSpec selector, boolean denseQuestion, SamplingParams sampling) {
    this(tokens, selector, denseQuestion, sampling, new int[0], Optional.empty());
  }

  /**
   * Asks for the log-probabilities of a text, each token given the document, {@code tokens} and the
   * text before it, with every position read through the selector.
   */
  public static QuestionRequest scoring(int[] tokens, SelectorSpec selector, int[] text) {
    SamplingParams sampling =
        new SamplingParams(text.length, 0, 1, 0, 0, 1, 0, List.of(), List.of(), true);
    return new QuestionRequest(tokens, selector, false, sampling, text, Optional.empty());
  }

  /** Answers a question densely and fills {@code study} on the way. Slow. */
  public static QuestionRequest studied(
      int[] tokens, SamplingParams sampling, SelectionStudy study) {
    return new QuestionRequest(
        tokens, SelectorSpec.studied(), false, sampling, new int[0], Optional.of(study));
  }
}
