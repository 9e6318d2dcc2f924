package dev.questspark.engine;

import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.select.SelectorSpec;

/**
 * One question about a document: one answer row.
 *
 * @param tokens what follows the document in the prompt; at least one token
 * @param selector which pages the question's rows and the answer's rows read
 * @param denseQuestion {@code question_attention=dense}: the question's rows read every page, only
 *     the answer is sparse
 * @param sampling how the answer is drawn
 */
public record QuestionRequest(
    int[] tokens, SelectorSpec selector, boolean denseQuestion, SamplingParams sampling) {

  public QuestionRequest {
    if (tokens.length == 0) {
      throw new IllegalArgumentException("a question needs at least one token");
    }
  }
}
