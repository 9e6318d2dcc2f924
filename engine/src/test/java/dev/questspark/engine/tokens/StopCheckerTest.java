package dev.questspark.engine.tokens;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.ModelFolder;
import dev.questspark.engine.model.SamplingParams;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class StopCheckerTest {
  private static final int EOS = 1;
  private final Tokenizer tokenizer = new ByteTokenizer();

  private static SamplingParams params(boolean ignoreEos, String... stop) {
    return SamplingParams.builder(100)
        .stop(List.of(stop))
        .stopTokenIds(List.of(EOS, 300))
        .ignoreEos(ignoreEos)
        .build();
  }

  /** Feeds tokens until the row stops; returns how many were taken. */
  private static int feed(StopChecker checker, int... tokens) {
    int taken = 0;
    for (int token : tokens) {
      taken++;
      if (checker.accept(token)) {
        return taken;
      }
    }
    checker.finish();
    return taken;
  }

  @Test
  void stopStringSpansTokensAndIsCut() {
    StopChecker checker = new StopChecker(tokenizer, params(false, "\n\n", "END"));
    int[] tokens = tokenizer.encode("an answerEND of it", false);
    assertThat(feed(checker, tokens)).isEqualTo("an answerEND".length());
    assertThat(checker.text()).isEqualTo("an answer");
    assertThat(checker.tokens()).hasSize("an answerEND".length());
    assertThatThrownBy(() -> checker.accept(70)).isInstanceOf(IllegalStateException.class);
  }

  @Test
  void theEarliestStopStringWins() {
    StopChecker checker = new StopChecker(tokenizer, params(false, "cd", "abcde", "d"));
    feed(checker, tokenizer.encode("xabcde", false));
    assertThat(checker.text()).isEqualTo("xab");
  }

  @Test
  void stopTokenIsNeitherTokenNorText() {
    for (String stop : List.of("", "never")) {
      StopChecker checker =
          new StopChecker(tokenizer, stop.isEmpty() ? params(false) : params(false, stop));
      int[] tokens = {64 + 'h', 64 + 'i', EOS, 64 + '!'};
      assertThat(feed(checker, tokens)).isEqualTo(3);
      assertThat(checker.tokens()).containsExactly(64 + 'h', 64 + 'i');
      assertThat(checker.text()).isEqualTo("hi");
    }
  }

  @Test
  void refusesAStopStringThatIsEverywhere() {
    assertThatThrownBy(() -> params(false, "END", ""))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("empty string");
  }

  @Test
  void ignoreEosGoesOn() {
    StopChecker checker = new StopChecker(tokenizer, params(true));
    assertThat(feed(checker, 64 + 'h', EOS, 64 + 'i')).isEqualTo(3);
    assertThat(checker.tokens()).containsExactly(64 + 'h', EOS, 64 + 'i');
    assertThat(checker.text()).isEqualTo("hi");
  }

  @Test
  void aCharacterInPartsIsHeldBackUntilWhole() {
    TextStream stream = new TextStream(tokenizer, true);
    int[] whale = tokenizer.encode("\uD83D\uDC0B", false);
    assertThat(stream.append(whale[0])).isEmpty();
    assertThat(stream.append(whale[1])).isEmpty();
    assertThat(stream.append(whale[2])).isEmpty();
    assertThat(stream.append(whale[3])).isEqualTo("\uD83D\uDC0B");
    assertThat(stream.append(whale[0])).isEmpty();
    assertThat(stream.finish()).isEqualTo("\uFFFD");
  }

  @Test
  void aStopStringMayBeOneCharacterOfManyBytes() {
    StopChecker checker = new StopChecker(tokenizer, params(false, "\u3002"));
    assertThat(feed(checker, tokenizer.encode("\u4f60\u597d\u3002\u4f60", false))).isEqualTo(9);
    assertThat(checker.text()).isEqualTo("\u4f60\u597d");
  }

  @Test
  void followingTheTextGivesTheTextOfAllTokens() {
    String alphabet = "ab \n\u00e9\u4f60\uFFFD";
    SplittableRandom random = new SplittableRandom(3);
    try (HfTokenizer bpe = HfTokenizer.open(ModelFolder.resource("tokenizers/bpe"))) {
      for (int run = 0; run < 200; run++) {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(30); i >= 0; i--) {
          text.append(alphabet.charAt(random.nextInt(alphabet.length())));
        }
        int[] tokens = bpe.encode(text.toString(), false);
        StopChecker following = new StopChecker(bpe, params(true, "never in the text"));
        StopChecker plain = new StopChecker(bpe, params(true));
        feed(following, tokens);
        feed(plain, tokens);
        assertThat(following.text()).isEqualTo(plain.text()).isEqualTo(text.toString());
      }
    }
  }
}
