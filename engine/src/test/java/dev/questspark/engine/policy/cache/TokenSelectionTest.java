package dev.questspark.engine.policy.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import java.util.BitSet;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Which tokens a selection keeps, given what the reader saw. */
class TokenSelectionTest {
  private static TokenSelection parse(String text) {
    return CachePolicy.parse(text).part(TokenSelection.class).orElseThrow();
  }

  private static BitSet chunks(int tokens, int size, int... chunks) {
    BitSet kept = new BitSet();
    for (int chunk : chunks) {
      kept.set(chunk * size, Math.min(tokens, (chunk + 1) * size));
    }
    return kept;
  }

  /** Ten chunks of 8 tokens and one of 3; peaks at some tokens. */
  private static float[] attention(float... peaks) {
    float[] attention = new float[83];
    for (int i = 0; i < peaks.length; i += 2) {
      attention[(int) peaks[i]] = peaks[i + 1];
    }
    return attention;
  }

  @Test
  void theBestChunksAndBothEndsAreKept() {
    TokenSelection policy = parse("selective(keep=0.36, chunk=8, smooth=1)");
    float[] attention = attention(9, 0.1f, 30, 0.5f, 31, 0.4f, 60, 0.3f);
    assertThat(policy.kept(attention, 0)).isEqualTo(chunks(83, 8, 0, 3, 7, 10));
    // A token raises its neighbours: the mean of 5 reaches over the chunk's border.
    float[] atBorder = attention(31, 0.5f);
    assertThat(parse("selective(keep=0.36, chunk=8, smooth=5)").kept(atBorder, 0))
        .isEqualTo(chunks(83, 8, 0, 3, 4, 10));
    // Of equal chunks the earlier; what is no number counts as nothing.
    assertThat(policy.kept(attention(20, Float.NaN, 70, 0.1f), 0))
        .isEqualTo(chunks(83, 8, 0, 1, 8, 10));
  }

  @Test
  void massEndsEarlierThanKeep() {
    float[] attention = attention(9, 0.1f, 30, 0.5f, 60, 0.4f);
    assertThat(parse("selective(keep=0.9, chunk=8, smooth=1, mass=0.4)").kept(attention, 0))
        .isEqualTo(chunks(83, 8, 0, 3, 10));
    assertThat(parse("selective(keep=0.9, chunk=8, smooth=1, mass=0.51)").kept(attention, 0))
        .isEqualTo(chunks(83, 8, 0, 3, 7, 10));
    assertThat(parse("selective(keep=0.3, chunk=8, smooth=1, mass=0.9)").kept(attention, 0))
        .isEqualTo(chunks(83, 8, 0, 3, 10));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 31, 32, 33, 64, 65, 96, 1000})
  void everySelectionKeepsItsShare(int tokens) {
    Random random = new Random(tokens);
    float[] attention = new float[tokens];
    IntStream.range(0, tokens).forEach(i -> attention[i] = random.nextFloat());
    for (String name : new String[] {"selective", "random_chunks", "truncate_middle"}) {
      for (double keep : new double[] {0.05, 0.2, 0.5, 1}) {
        TokenSelection policy = parse(name + "(keep=" + keep + ")");
        BitSet kept = policy.kept(attention, 7);
        assertThat(kept.length()).as("the last token is kept").isEqualTo(tokens);
        assertThat(kept.get(0)).isTrue();
        int most = (int) Math.max(2 * 32, Math.ceil(keep * tokens) + 32);
        assertThat(kept.cardinality()).isLessThanOrEqualTo(most);
        assertThat(policy.keepsAll(tokens)).isEqualTo(kept.cardinality() == tokens);
        assertThat(policy.kept(attention, 7)).isEqualTo(kept);
        assertThat(kept.cardinality()).isLessThanOrEqualTo(policy.mostKept(tokens, 1));
        assertThat(policy.mostKept(tokens, 1)).isLessThanOrEqualTo(Math.min(tokens, most));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ", mass=0.7", ", chunk=8", ", union=false"})
  void noQuestionsKeepMoreTogetherThanIsPromised(String parameters) {
    Random random = new Random(parameters.hashCode());
    for (double keep : new double[] {0.05, 0.2, 0.5}) {
      TokenSelection policy = parse("selective(keep=" + keep + parameters + ")");
      int promised = 0;
      for (int tokens = 1; tokens < 700; tokens += 23) {
        BitSet together = new BitSet();
        int most = 0;
        for (int question = 0; question < 3; question++) {
          float[] attention = new float[tokens];
          IntStream.range(0, tokens).forEach(i -> attention[i] = random.nextFloat());
          BitSet kept = policy.kept(attention, 0);
          together.or(kept);
          most = Math.max(most, kept.cardinality());
        }
        int bound = policy.mostKept(tokens, 3);
        assertThat(policy.union() ? together.cardinality() : most).isLessThanOrEqualTo(bound);
        assertThat(bound).isBetween(promised, tokens);
        promised = bound;
      }
    }
  }

  @Test
  void aControlDrawsByTheDocument() {
    TokenSelection policy = parse("random_chunks");
    float[] nothing = new float[3200];
    assertThat(policy.kept(nothing, 1)).isNotEqualTo(policy.kept(nothing, 2));
    assertThat(policy.kept(nothing, 1).cardinality()).isEqualTo(640);
    assertThat(policy.control()).isTrue();
    assertThat(parse("truncate_middle").control()).isTrue();
    assertThat(parse("selective").control()).isFalse();
  }

  @Test
  void theTextHoldsTheNumberOfLayersThatRead() {
    CachePolicy policy = CachePolicy.parse("selective");
    assertThat(policy.forModel(30).text())
        .isEqualTo(
            "selective(keep=0.2, reader=layers, layers=10, rows=suffix, lookahead=0, smooth=13, chunk=32, mass=1.0, positions=original,"
                + " union=true)");
    assertThat(policy.forModel(32).text()).contains("layers=11,");
    assertThat(policy.forModel(32).forModel(32)).isEqualTo(policy.forModel(32));
    assertThat(policy.forModel(30).apart().text()).contains("layers=10,").contains("union=false");
    assertThat(CachePolicy.parse(policy.forModel(30).text())).isEqualTo(policy.forModel(30));
  }

  @Test
  void mistakesAreOneSentence() {
    for (String keep : new String[] {"0", "1.01", "-0.2"}) {
      assertThatThrownBy(() -> CachePolicy.parse("selective(keep=" + keep + ")"))
          .isInstanceOf(ConfigException.class)
          .hasMessageStartingWith("cache_policy part selective: keep is ")
          .hasMessageEndingWith("; it must be a number above 0 and at most 1");
    }
    assertThatThrownBy(() -> CachePolicy.parse("selective(layers=31)").forModel(30))
        .isInstanceOf(ConfigException.class)
        .hasMessage(
            "cache_policy part selective: layers is 31, but the model has 30; give at most as many");
    assertThatThrownBy(() -> CachePolicy.parse("selective + truncate_middle"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("two parts that decide the prefilled tokens");
  }
}
