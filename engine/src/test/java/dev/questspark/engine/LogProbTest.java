package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.failure.DocumentException;
import org.junit.jupiter.api.Test;

class LogProbTest {
  @Test
  void neitherLargeNorSmallLogitsOverflow() {
    for (float shift : new float[] {-2e4f, 0, 900, 3e4f}) {
      double normaliser = LogProb.normaliser(new float[] {shift, shift + 1, shift - 1});
      assertThat(normaliser - shift).isCloseTo(Math.log(1 + Math.E + 1 / Math.E), within(1e-9));
    }
    assertThat(LogProb.normaliser(new float[] {Float.NEGATIVE_INFINITY, 5})).isEqualTo(5);
  }

  @Test
  void aLogitThatIsNotANumberIsNoProbability() {
    assertThatThrownBy(() -> LogProb.normaliser(new float[] {1, Float.NaN}))
        .isInstanceOf(DocumentException.class)
        .hasMessageStartingWith("logit of token 1 is NaN");
  }
}
