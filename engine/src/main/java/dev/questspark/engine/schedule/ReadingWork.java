package dev.questspark.engine.schedule;

import java.util.List;

/**
 * A document to read with each of some questions.
 *
 * @param id unlike any other in the queue; names the document's spans
 * @param documentTokens tokens before the questions, at least 1
 * @param questionTokens tokens of each question, at least 1 question of at least 1
 * @param drafted tokens after each question, of which each follows from the row before
 */
public record ReadingWork(long id, int documentTokens, List<Integer> questionTokens, int drafted) {

  public ReadingWork {
    questionTokens = List.copyOf(questionTokens);
    if (documentTokens < 1
        || drafted < 0
        || questionTokens.isEmpty()
        || questionTokens.stream().anyMatch(tokens -> tokens < 1)) {
      throw new IllegalArgumentException(
          "document "
              + id
              + " of "
              + documentTokens
              + " tokens to read with questions of "
              + questionTokens
              + " and "
              + drafted
              + " drafted ones; a document and each question have at least 1, a draft 0");
    }
  }
}
