package dev.questspark.engine.schedule;

import java.util.List;

/**
 * A document to prefill once and the questions to ask about it.
 *
 * @param id unlike any other document or question in the scheduler; names the document's spans
 * @param tokens tokens before the questions; 0 for none
 * @param questions at least one, answered in this order as room allows
 */
public record DocumentWork(long id, int tokens, List<QuestionWork> questions) {

  public DocumentWork {
    questions = List.copyOf(questions);
    if (tokens < 0 || questions.isEmpty()) {
      throw new IllegalArgumentException(
          "document "
              + id
              + " has "
              + tokens
              + " tokens and "
              + questions.size()
              + " questions; at least 0 and 1");
    }
  }
}
