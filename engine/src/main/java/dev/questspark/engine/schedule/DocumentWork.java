package dev.questspark.engine.schedule;

import java.util.List;
import java.util.Optional;

/**
 * A document to prefill once and the questions to ask about it.
 *
 * @param id unlike any other document or question in the scheduler; names the document's spans
 * @param tokens tokens before the questions; 0 for none
 * @param segmentTokens steps end its rows at multiples of so many tokens, or at its end; 1 anywhere
 * @param questions at least one, answered in this order as room allows
 * @param prefix what of it moves to a prefix store once it is prefilled; empty for nothing
 */
public record DocumentWork(
    long id,
    int tokens,
    int segmentTokens,
    List<QuestionWork> questions,
    Optional<PrefixWork> prefix) {

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
    if (prefix.isPresent() && prefix.get().tokens() > tokens) {
      throw new IllegalArgumentException(
          "document " + id + " of " + tokens + " tokens has a longer prefix: " + prefix.get());
    }
  }

  /** A document that stays in its live pages. */
  public DocumentWork(long id, int tokens, int segmentTokens, List<QuestionWork> questions) {
    this(id, tokens, segmentTokens, questions, Optional.empty());
  }

  /** A document whose rows may be cut anywhere. */
  public DocumentWork(long id, int tokens, List<QuestionWork> questions) {
    this(id, tokens, 1, questions);
  }
}
