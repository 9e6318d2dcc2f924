package dev.questspark.engine;

import dev.questspark.engine.policy.cache.CachePolicy;
import java.util.List;

/**
 * One document and all its questions. The document is prefilled once; its pages are shared by the
 * questions and held until the last of them is answered.
 *
 * @param documentId for messages and traces
 * @param tokens everything before the question: begin-of-sequence, template prefix, document; may
 *     be empty
 * @param cachePolicy how the document is prefilled and kept
 * @param questions at least one
 */
public record DocumentRequest(
    String documentId, int[] tokens, CachePolicy cachePolicy, List<QuestionRequest> questions) {

  public DocumentRequest {
    questions = List.copyOf(questions);
    if (questions.isEmpty()) {
      throw new IllegalArgumentException(
          documentId + ": a document request needs at least one question");
    }
  }

  /** A document that is prefilled densely and kept whole. */
  public DocumentRequest(String documentId, int[] tokens, List<QuestionRequest> questions) {
    this(documentId, tokens, CachePolicy.NONE, questions);
  }
}
