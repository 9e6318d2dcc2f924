package dev.questspark.engine.tokens;

import java.util.List;
import java.util.OptionalInt;

/** Text to token ids and back. Safe for use by several threads. */
public interface Tokenizer extends AutoCloseable {
  /**
   * Token ids of a text. A special token written out in the text becomes its id, as prompt
   * templates need; {@link PromptTemplate} keeps documents from using that.
   *
   * @param addSpecialTokens add what the tokenizer puts around a sequence, such as
   *     begin-of-sequence
   */
  int[] encode(String text, boolean addSpecialTokens);

  /**
   * Ids of a text that stands behind another, without special tokens. A tokenizer that writes a
   * blank before a text (sentencepiece's) does not write one here.
   */
  default int[] encodeContinuation(String text) {
    return encode(text, false);
  }

  /** Text of token ids; a sequence that ends inside a character ends with U+FFFD. */
  String decode(int[] ids, boolean skipSpecialTokens);

  /** The begin-of-sequence id, if there is one. */
  OptionalInt bosTokenId();

  /** Ids that end a sequence, as the tokenizer knows them. */
  List<Integer> eosTokenIds();

  /** The written form of every special token. */
  List<String> specialTokens();

  /** One more than the largest id. */
  int vocabSize();

  @Override
  void close();
}
