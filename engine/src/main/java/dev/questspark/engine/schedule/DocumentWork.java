package dev.questspark.engine.schedule;

import java.util.List;

/**
 * A document to prefill once and the questions to ask about it.
 *
 * @param id unlike any other document or question in the scheduler; names the document's spans
 * @param tokens tokens before the questions; 0 for none
 * @param segmentTokens steps end its rows at multiples of so many tokens, or at its end; 1 anywhere
 * @param questions at least one, answered in this order as room allows
 */
public record DocumentWork(long id, int tokens, int segmentTokens, List<QuestionWork> questions) {

  public DocumentWork {
    questions = List.copyOf(questions);
    if (tokens < 0 || segmentTokens < 1 || questions.isEmpty()) {
      throw new IllegalArgumentException(
          "document "
              + id
              + " has "
              + tokens
              + " tokens in segments of "
              + segmentTokens
              + " and "
              + questions.size()
              + " questions; at least 0, 1 and 1");
    }
  }

  /** A document whose rows may be cut anywhere. */
  public DocumentWork(long id, int tokens, List<QuestionWork> questions) {
    this(id, tokens, 1, questions);
  }
}
