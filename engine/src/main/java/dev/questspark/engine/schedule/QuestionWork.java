package dev.questspark.engine.schedule;

/**
 * One question: its tokens follow the document's, then the answer's.
 *
 * @param id unlike any other document or question in the scheduler; names the question's spans
 * @param tokens tokens of the question, at least 1
 * @param maxTokens tokens that the answer may have, at least 1
 */
public record QuestionWork(long id, int tokens, int maxTokens) {

  public QuestionWork {
    if (tokens < 1 || maxTokens < 1) {
      throw new IllegalArgumentException(
          "question "
              + id
              + " has "
              + tokens
              + " tokens and max_tokens "
              + maxTokens
              + "; each is at least 1");
    }
  }
}
