package dev.questspark.job.partition;

/**
 * Tokens from bytes, without a tokenizer on the driver. English prose has about four bytes per
 * token with the vocabularies of Llama and Qwen; only the ratio between documents matters here.
 */
final class TokenEstimate {
  private static final long BYTES_PER_TOKEN = 4;

  private TokenEstimate() {}

  static long tokens(long bytes) {
    return bytes / BYTES_PER_TOKEN + 1;
  }

  /**
   * Work of a document in tokens that pass through the model: the document once, and for each row
   * its answer. A document alone is never free, so that error rows spread too.
   */
  static long work(long bytes, long rows, int maxTokens) {
    return tokens(bytes) + rows * maxTokens;
  }
}
