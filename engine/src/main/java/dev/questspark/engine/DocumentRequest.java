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
 * @param templateTokens how many of them stand before the document: a policy that leaves tokens out
 *     keeps these
 * @param cachePolicy how the document is prefilled and kept
 * @param questions at least one
 * @param unasked tokens of questions that are not asked here and yet belong to the document: what
 *     is kept for all its questions is kept for them too
 * @param askingTail how many of the document's last tokens stand in for the questions, where tokens
 *     are chosen by what is asked: for a text that goes on, and for no question; else 0
 */
public record DocumentRequest(
    String documentId,
    int[] tokens,
    int templateTokens,
    CachePolicy cachePolicy,
    List<QuestionRequest> questions,
    List<int[]> unasked,
    int askingTail) {

  public DocumentRequest {
    questions = List.copyOf(questions);
    unasked = List.copyOf(unasked);
    if (questions.isEmpty()) {
      throw new IllegalArgumentException(
          documentId + ": a document request needs at least one question");
    }
    if (templateTokens < 0 || templateTokens > tokens.length) {
      throw new IllegalArgumentException(
          documentId + ": " + templateTokens + " template tokens of " + tokens.length);
    }
    if (askingTail < 0) {
      throw new IllegalArgumentException(documentId + ": an asking tail of " + askingTail);
    }
  }

  /** A document without a template before it, all of whose questions are asked. */
  public DocumentRequest(
      String documentId, int[] tokens, CachePolicy cachePolicy, List<QuestionRequest> questions) {
    this(documentId, tokens, 0, cachePolicy, questions, List.of(), 0);
  }

  /** A document that is prefilled densely and kept whole. */
  public DocumentRequest(String documentId, int[] tokens, List<QuestionRequest> questions) {
    this(documentId, tokens, CachePolicy.NONE, questions);
  }

  /** Tokens of the document itself. */
  public int documentTokens() {
    return tokens.length - templateTokens;
  }
}
