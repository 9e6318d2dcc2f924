package dev.questspark.job.prompt;

import java.util.Arrays;

/** What is kept of a document that does not fit. */
public final class LongDocument {
  private LongDocument() {}

  /** Beginning and end, the middle dropped, as LongBench does; the beginning gets an odd token. */
  public static int[] withoutMiddle(int[] tokens, int keptTokens) {
    int first = (keptTokens + 1) / 2;
    int last = keptTokens / 2;
    return PromptTokens.join(
        Arrays.copyOf(tokens, first),
        Arrays.copyOfRange(tokens, tokens.length - last, tokens.length));
  }
}
