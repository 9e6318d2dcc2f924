package dev.questspark.job.eval.score;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.Gson;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;

/** The scorers against values that {@code scores/generate.py} computed in Python. */
class MetricTest {
  private static final double TOLERANCE = 1e-9;

  /** One line of {@code pairs.json}. */
  private static final class Pair {
    String metric;
    String prediction;
    List<String> references;
    List<String> classes;
    double expected;
  }

  private static Pair[] pairs() throws IOException {
    try (var in =
        new InputStreamReader(
            MetricTest.class.getResourceAsStream("/scores/pairs.json"), StandardCharsets.UTF_8)) {
      return new Gson().fromJson(in, Pair[].class);
    }
  }

  @Test
  void everyPairScoresAsInPython() throws IOException {
    Pair[] pairs = pairs();
    assertThat(pairs.length).isGreaterThanOrEqualTo(200);
    Set<Metric> seen = new HashSet<>();
    SoftAssertions all = new SoftAssertions();
    for (Pair pair : pairs) {
      Metric metric = Metric.of(pair.metric);
      seen.add(metric);
      all.assertThat(metric.score(pair.prediction, pair.references, pair.classes))
          .as("%s of '%s' against %s", pair.metric, pair.prediction, pair.references)
          .isCloseTo(pair.expected, within(TOLERANCE));
    }
    all.assertAll();
    assertThat(seen).containsExactlyInAnyOrder(Metric.values());
    assertThat(Arrays.stream(pairs).filter(pair -> pair.references.size() > 1).count())
        .isGreaterThan(50);
  }

  @Test
  void anAnswerEqualToItsReferenceScoresOneAndScoresStayInRange() throws IOException {
    for (Pair pair : pairs()) {
      Metric metric = Metric.of(pair.metric);
      double score = metric.score(pair.prediction, pair.references, pair.classes);
      assertThat(score).as(pair.metric + pair.prediction).isBetween(0.0, 1.0);
    }
    String text = "The captain slept. The sea was calm";
    for (Metric metric :
        List.of(Metric.EXACT, Metric.F1, Metric.ROUGE_L_SENTENCE, Metric.CODE_SIM)) {
      assertThat(metric.score(text, List.of("other", text), List.of())).isEqualTo(1);
    }
  }

  @Test
  void mistakesAreNamed() {
    assertThatThrownBy(() -> Metric.of("bleu"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("bleu", "rouge_l", "f1");
    assertThatThrownBy(() -> Metric.F1.score("x", List.of(), List.of()))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Metric.RETRIEVAL.score("7", List.of("seven"), List.of()))
        .hasMessageContaining("Paragraph");
  }
}
