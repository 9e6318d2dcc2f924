package dev.questspark.job.prompt;

/**
 * A prompt in pieces, so that documents can be cut and questions shared.
 *
 * @param head token ids before the document, begin-of-sequence included
 * @param document token ids of the document alone
 * @param whole whether they are all of the document's; a document that cannot fit need not be
 *     tokenised to its end
 */
public record PromptTokens(int[] head, int[] document, boolean whole) {

  /** Everything before the question. */
  public int[] prefix() {
    return join(head, document);
  }

  public int prefixTokens() {
    return head.length + document.length;
  }

  /** The same prompt over part of the document. */
  public PromptTokens over(int[] part) {
    return new PromptTokens(head, part, true);
  }

  static int[] join(int[] first, int[] second) {
    int[] joined = new int[first.length + second.length];
    System.arraycopy(first, 0, joined, 0, first.length);
    System.arraycopy(second, 0, joined, first.length, second.length);
    return joined;
  }
}
