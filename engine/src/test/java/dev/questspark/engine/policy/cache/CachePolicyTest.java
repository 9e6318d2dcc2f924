package dev.questspark.engine.policy.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.policy.Description;
import dev.questspark.engine.policy.Parameter;
import dev.questspark.engine.policy.PolicyRegistry;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The seam of cache policies, with parts that only this test has. */
class CachePolicyTest {
  enum Bits {
    FOUR,
    TWO
  }

  @Description("Blocks of a segment that its rows read.")
  record Blocks(@Parameter(description = "Of a segment.", defaultValue = "64") int budget)
      implements CachePart {
    @Override
    public Slot slot() {
      return Slot.PREFILL;
    }
  }

  @Description("Every block that a threshold lets pass.")
  record Threshold(@Parameter(description = "Of the mass.") double mass) implements CachePart {
    @Override
    public Slot slot() {
      return Slot.PREFILL;
    }
  }

  @Description("Integers with a scale per group.")
  record Integers(
      @Parameter(description = "Per element.") Bits bits,
      @Parameter(description = "Whether rounded outward.", defaultValue = "true") boolean outward)
      implements CachePart {
    @Override
    public Slot slot() {
      return Slot.FORMAT;
    }
  }

  private static final PolicyRegistry<CachePart> PARTS =
      new PolicyRegistry<>("cache_policy part", CachePart.class)
          .add("blocks", Blocks.class)
          .add("threshold", Threshold.class)
          .add("integers", Integers.class);

  private static CachePolicy parse(String text) {
    return CacheParts.parse(PARTS, text);
  }

  private static String text(CachePolicy policy) {
    return CacheParts.text(PARTS, policy);
  }

  private static String label(CachePolicy policy) {
    return CacheParts.label(PARTS, policy);
  }

  @Test
  void withoutPartsItIsNone() {
    assertThat(CachePolicy.parse(" none ")).isEqualTo(CachePolicy.NONE);
    assertThat(CachePolicy.NONE.text()).isEqualTo("none");
    assertThat(text(CachePolicy.NONE)).isEqualTo("none");
  }

  @Test
  void partsAreReadInAnyOrderAndWrittenInThatOfTheSlots() {
    CachePolicy policy = parse("integers(bits=two)+blocks");
    assertThat(policy.parts()).containsExactly(new Blocks(64), new Integers(Bits.TWO, true));
    assertThat(text(policy)).isEqualTo("blocks(budget=64) + integers(bits=two, outward=true)");
    assertThat(parse(text(policy))).isEqualTo(policy);
    assertThat(parse("threshold(mass=0.25)"))
        .isEqualTo(new CachePolicy(List.of(new Threshold(0.25))));
  }

  @Test
  void aLabelLeavesDefaultsOut() {
    assertThat(label(CachePolicy.NONE)).isEqualTo("none");
    assertThat(label(parse("blocks + integers(bits=two)")))
        .isEqualTo("blocks + integers(bits=two)");
    assertThat(label(parse("blocks(budget=128)"))).isEqualTo("blocks(budget=128)");
  }

  @Test
  void twoPartsOfOneSlotAreRefused() {
    assertThatThrownBy(() -> parse("blocks + integers(bits=four) + threshold(mass=0.5)"))
        .isInstanceOf(ConfigException.class)
        .hasMessage(
            "cache_policy has two parts that decide the prefill, Blocks[budget=64] and"
                + " Threshold[mass=0.5]; keep one");
  }

  @Test
  void mistakesAreOneSentence() {
    assertThatThrownBy(() -> parse("blocks + intergers(bits=four)"))
        .isInstanceOf(ConfigException.class)
        .hasMessage(
            "cache_policy part 'intergers' is unknown; known: blocks, threshold, integers; did you"
                + " mean integers?");
    assertThatThrownBy(() -> parse("integers(bits=four, outward=maybe)"))
        .hasMessage("cache_policy part integers: outward is 'maybe'; it must be true or false");
    assertThatThrownBy(() -> CachePolicy.parse("a_shap"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("cache_policy part 'a_shap' is unknown; known: dense, a_shape,")
        .hasMessageEndingWith("; did you mean a_shape?");
  }
}
