package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.select.AttentionLogits;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Models that cap the logits of attention, as Gemma 2 does. */
class CappedAttentionTest {

  @Test
  void aCapIsNearlyReachedButNeverPassed() {
    AttentionLogits capped = new AttentionLogits(0.5f, 50);
    assertThat(capped.of(0.02)).isBetween(0.0099999, 0.01);
    assertThat(capped.of(400)).isBetween(49.9, 50.0);
    assertThat(capped.of(-400)).isEqualTo(-capped.of(400));
    assertThat(new AttentionLogits(0.5f, 0).of(400)).isEqualTo(200);
  }

  @Test
  void aPolicyThatEstimatesWeightsWithoutTheCapIsRefused() throws URISyntaxException {
    ReadPolicy twilight = ReadPolicy.parse("twilight(p=0.9)");
    Path model = Path.of(getClass().getResource("/hf-families/gemma2").toURI());
    EngineConfig config =
        EngineConfig.builder(model)
            .dtype(ComputeDType.FLOAT32)
            .maxModelLen(256)
            .pageScores(twilight.digests())
            .scratch(twilight.scratch())
            .threads(1)
            .build();
    QuestionRequest question =
        new QuestionRequest(new int[] {3}, twilight, false, SamplingParams.greedy(1, List.of()));
    try (Engine engine = Engine.open(config, new ByteTokenizer(), step -> {})) {
      assertThatThrownBy(
              () -> engine.submit(new DocumentRequest("text", new int[] {1, 2}, List.of(question))))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("cap on logits that Gemma2");
    }
  }
}
