package dev.questspark.bench;

import dev.questspark.engine.tokens.Tokenizer;
import java.util.List;
import java.util.OptionalInt;
import java.util.Random;

/** Random token ids stand for text: random weights have no tokenizer. */
final class TokenIds implements Tokenizer {
  private final int vocabSize;

  TokenIds(int vocabSize) {
    this.vocabSize = vocabSize;
  }

  int[] random(int count, long seed) {
    return new Random(seed).ints(count, 0, vocabSize).toArray();
  }

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    throw new UnsupportedOperationException("benchmarks have no text");
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    return "x".repeat(ids.length);
  }

  @Override
  public OptionalInt bosTokenId() {
    return OptionalInt.empty();
  }

  @Override
  public List<Integer> eosTokenIds() {
    return List.of();
  }

  @Override
  public List<String> specialTokens() {
    return List.of();
  }

  @Override
  public int vocabSize() {
    return vocabSize;
  }

  @Override
  public void close() {
    // Nothing is held.
  }
}
