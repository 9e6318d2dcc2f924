package dev.questspark.engine.tokens;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalInt;

/**
 * A tokenizer of 320 ids for checkpoints that bring none: 0 begins, 1 ends, 2 pads, byte b of the
 * UTF-8 text is 64 + b. The same as the folder {@code tokenizers/bytes} of the test resources,
 * without native code.
 */
public final class ByteTokenizer implements Tokenizer {
  private static final int BOS = 0;
  private static final int EOS = 1;
  private static final int FIRST_BYTE = 64;

  @Override
  public int[] encode(String text, boolean addSpecialTokens) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int first = addSpecialTokens ? 1 : 0;
    int[] ids = new int[first + bytes.length];
    if (addSpecialTokens) {
      ids[0] = BOS;
    }
    for (int i = 0; i < bytes.length; i++) {
      ids[first + i] = FIRST_BYTE + (bytes[i] & 0xff);
    }
    return ids;
  }

  @Override
  public String decode(int[] ids, boolean skipSpecialTokens) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(ids.length);
    for (int id : ids) {
      if (id >= FIRST_BYTE) {
        bytes.write(id - FIRST_BYTE);
      } else if (!skipSpecialTokens || id > 2) {
        bytes.writeBytes(name(id).getBytes(StandardCharsets.UTF_8));
      }
    }
    return bytes.toString(StandardCharsets.UTF_8);
  }

  private static String name(int id) {
    return switch (id) {
      case BOS -> "<s>";
      case EOS -> "</s>";
      case 2 -> "<pad>";
      default -> "<unused" + id + ">";
    };
  }

  @Override
  public OptionalInt bosTokenId() {
    return OptionalInt.of(BOS);
  }

  @Override
  public List<Integer> eosTokenIds() {
    return List.of(EOS);
  }

  @Override
  public List<String> specialTokens() {
    return List.of();
  }

  @Override
  public int vocabSize() {
    return FIRST_BYTE + 256;
  }

  @Override
  public void close() {}
}
