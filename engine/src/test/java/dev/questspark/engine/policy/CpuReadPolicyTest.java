package dev.questspark.engine.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.Completion;
import dev.questspark.engine.Engine;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.backend.DeviceName;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CpuReadPolicyTest extends ReadPolicyContract {
  /** 4 layers, 2 KV heads of 16 channels in float; 4-bit keys of 8 code bytes and two bf16. */
  private static final int LISTS = 4 * 2;

  private static final int ESTIMATE_BYTES = 8 + 4;
  private static final int TOKEN_BYTES = 2 * 16 * 4;

  @Override
  DeviceName device() {
    return DeviceName.CPU;
  }

  @Override
  PageShape shape() {
    return new PageShape(16, 8);
  }

  /** Twilight's candidates are Quest's tokens: it reads all of them, or fewer. */
  @Test
  void ofQuestsTokensTheShareIsRead() {
    String rest = ", score=meanstd, sink=16, recent=16)";
    List<QuestionRequest> questions =
        Stream.of(
                "quest(budget=64" + rest,
                "twilight(p=1, budget=64" + rest,
                "twilight(p=0.9, floor=0, budget=64" + rest,
                "twilight(p=0.3, floor=0, budget=64" + rest,
                "twilight(p=0.3, floor=40, budget=64" + rest,
                "twilight(p=0.9, floor=0, ceiling=33, budget=64" + rest)
            .map(text -> scored(ReadPolicy.parse(text)))
            .toList();
    try (Engine engine = open(8, 512, 0)) {
      List<Completion> answers = join(engine.submit(document(0, questions)));
      Completion quest = answers.get(0);
      assertThat(answers.get(1).logProbs()).isEqualTo(quest.logProbs());
      assertThat(answers.get(1).reads().bytesRead()).isEqualTo(quest.reads().bytesRead());
      double before = quest.reads().tokensAttendedMean(LISTS);
      for (Completion pruned : answers.subList(2, 4)) {
        assertThat(pruned.reads().tokensAttendedMean(LISTS)).isLessThan(before);
        before = pruned.reads().tokensAttendedMean(LISTS);
        long candidates = quest.reads().tokensAttended();
        assertThat(pruned.reads().pagesScored()).isEqualTo(quest.reads().pagesScored());
        assertThat(pruned.reads().bytesRead())
            .isEqualTo(
                quest.reads().bytesRead()
                    - (candidates - pruned.reads().tokensAttended()) * TOKEN_BYTES
                    + candidates * ESTIMATE_BYTES);
      }
      assertThat(answers.get(4).reads().tokensAttendedMean(LISTS)).isBetween(40.0, 64.0);
      assertThat(answers.get(5).reads().tokensAttendedMean(LISTS)).isLessThanOrEqualTo(33);
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "twilight(p=0)|policy twilight: p is 0.0; it must be a number above 0 and at most 1",
        "twilight(p=1.01)|policy twilight: p is 1.01; it must be a number above 0 and at most 1",
        "twilight(p=NaN)|policy twilight: p is NaN; it must be a number above 0 and at most 1",
        "twilight(p=high)|policy twilight: p is 'high'; it must be a number",
        "twilight(budget=0)|policy twilight: budget is 0; it must be at least 1",
        "twilight(floor=-1)|policy twilight: floor is -1; it must be at least 0",
        "twilight(ceiling=63)|policy twilight: ceiling is 63; it must be 0 for no limit, or at least"
            + " floor 64",
        "true_tokens(budget=0)|policy true_tokens: budget is 0; it must be at least 1",
        "random(budget=9, sink=-4)|policy random: sink is -4; it must be at least 0",
      })
  void badValuesAreOneSentence(String text, String sentence) {
    assertThatThrownBy(() -> ReadPolicy.parse(text))
        .isInstanceOf(ConfigException.class)
        .hasMessage(sentence);
  }

  @Test
  void whatIsAlwaysReadMustFitTheCandidates() {
    ReadPolicy policy = ReadPolicy.parse("twilight(budget=32, sink=32)");
    try (Engine engine = open(1, 64, 0)) {
      assertThatThrownBy(() -> engine.submit(document(0, List.of(scored(policy)))))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("32");
    }
    assertThat(ReadPolicy.parse("twilight(p=0.95, budget=512)").label())
        .isEqualTo("twilight(p=0.95) of 512");
  }
}
