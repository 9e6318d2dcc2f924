package dev.questspark.job.infer;

/**
 * A prompt in pieces, so that documents can be cut and questions shared.
 *
 * @param head token ids before the document, begin-of-sequence included
 * @param document token ids of the document alone
 */
record Prompt(int[] head, int[] document) {

  /** Everything before the question. */
  int[] prefix() {
    return join(head, document);
  }

  int prefixTokens() {
    return head.length + document.length;
  }

  /** The same prompt over part of the document. */
  Prompt over(int[] part) {
    return new Prompt(head, part);
  }

  static int[] join(int[] first, int[] second) {
    int[] joined = new int[first.length + second.length];
    System.arraycopy(first, 0, joined, 0, first.length);
    System.arraycopy(second, 0, joined, first.length, second.length);
    return joined;
  }
}
