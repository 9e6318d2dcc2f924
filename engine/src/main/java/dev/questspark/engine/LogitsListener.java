package dev.questspark.engine;

/**
 * Sees the logits at each token of a given text; belongs to one {@link QuestionRequest}. Called on
 * the engine's thread, once per token in the text's order, a preemption in between or not.
 * Everything that it saw is visible to whoever has joined the question's future.
 */
@FunctionalInterface
public interface LogitsListener {
  /** Sees nothing. */
  LogitsListener NONE = (row, logits, normaliser) -> {};

  /**
   * @param row of the text, from 0: the distribution of its token of this number
   * @param logits (vocabulary), each a number; valid during the call alone
   * @param normaliser logits minus it are natural logarithms of probabilities
   */
  void row(int row, float[] logits, double normaliser);
}
