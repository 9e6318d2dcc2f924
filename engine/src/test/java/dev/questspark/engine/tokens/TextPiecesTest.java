package dev.questspark.engine.tokens;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.model.ModelFolder;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Long texts in pieces: no character is lost, and most cuts are where a token begins anyway. */
class TextPiecesTest {
  private static final int SEED = 5;

  private static String words(int characters) {
    Random random = new Random(SEED);
    StringBuilder text = new StringBuilder();
    while (text.length() < characters) {
      text.append("whale".repeat(1 + random.nextInt(2)), 0, 2 + random.nextInt(4));
      text.append(random.nextInt(9) == 0 ? ".\n\n" : " ");
    }
    return text.toString();
  }

  @Test
  void piecesMakeTheTextAndKeepPairsTogether() {
    for (String text :
        List.of(
            "",
            "a",
            words(20_000),
            "x".repeat(9_999),
            "\uD83D\uDE00".repeat(5_001),
            " \n".repeat(7_000))) {
      for (int most : new int[] {2, 7, 4_096, 10_001}) {
        List<String> pieces = TextPieces.of(text, most);
        assertThat(String.join("", pieces)).isEqualTo(text);
        assertThat(pieces)
            .allSatisfy(
                piece -> {
                  assertThat(piece.length()).isBetween(1, most);
                  assertThat(Character.isLowSurrogate(piece.charAt(0))).isFalse();
                });
      }
    }
  }

  @Test
  void proseInPiecesHasTheTokensOfTheWhole() {
    try (HfTokenizer bpe = HfTokenizer.open(ModelFolder.resource("tokenizers/bpe"))) {
      PromptTemplate template = PromptTemplate.plain("{{document}} {{question}}", bpe);
      String text = words(2 * PromptTemplate.PIECE_CHARACTERS + 99);
      int[] whole = template.document(text);
      assertThat(template.documentInPieces(text, Integer.MAX_VALUE)).isEqualTo(whole);
      int[] some = template.documentInPieces(text, 100);
      assertThat(some.length).isBetween(101, whole.length / 2);
      assertThat(whole).startsWith(some);
    }
  }
}
