package dev.questspark.engine;

import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.reader.TokenChoice;
import java.util.List;
import java.util.function.Predicate;

/**
 * One document and all its questions. The document is prefilled once; its pages are shared by the
 * questions and held until the last of them is answered.
 *
 * @param documentId for messages and traces
 * @param tokens everything before the question: begin-of-sequence, template prefix, document; may
 *     be empty
 * @param cachePolicy how the document is prefilled and kept
 * @param questions at least one
 * @param choice what a policy goes by that leaves tokens out
 */
public record DocumentRequest(
    String documentId,
    int[] tokens,
    CachePolicy cachePolicy,
    List<QuestionRequest> questions,
    TokenChoice choice) {

  public DocumentRequest {
    questions = List.copyOf(questions);
    if (questions.isEmpty()) {
      throw new IllegalArgumentException(
          documentId + ": a document request needs at least one question");
    }
    if (choice.templateTokens() > tokens.length) {
      throw new IllegalArgumentException(
          documentId + ": " + choice.templateTokens() + " template tokens of " + tokens.length);
    }
  }

  /** A document without a template before it, all of whose questions are asked. */
  public DocumentRequest(
      String documentId, int[] tokens, CachePolicy cachePolicy, List<QuestionRequest> questions) {
    this(documentId, tokens, cachePolicy, questions, TokenChoice.PLAIN);
  }

  /** A document that is prefilled densely and kept whole. */
  public DocumentRequest(String documentId, int[] tokens, List<QuestionRequest> questions) {
    this(documentId, tokens, CachePolicy.NONE, questions);
  }

  /** The same with some of its unasked questions. */
  DocumentRequest withUnasked(Predicate<int[]> counts) {
    return choice.unasked().isEmpty()
        ? this
        : new DocumentRequest(
            documentId,
            tokens,
            cachePolicy,
            questions,
            choice.withUnasked(choice.unasked().stream().filter(counts).toList()));
  }

  /** Tokens of the document itself. */
  public int documentTokens() {
    return tokens.length - choice.templateTokens();
  }
}
