package dev.questspark.job.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.eval.QualityRow;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RecommendationTest {

  private static List<String> sentences(Double dense, Double quest) {
    List<QualityRow> quality = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      quality.add(MeasuredRows.scored("all", -1, i, dense));
      quality.add(MeasuredRows.scored("quest", 256, i, quest));
    }
    return Recommendation.sentences(new Measurements(quality, List.of(), List.of()), 0.01);
  }

  @Test
  void aBudgetIsRecommendedThatScoresAsDenseDoes() {
    assertThat(sentences(1.0, 1.0))
        .singleElement()
        .asString()
        .contains("a budget of 256 tokens stays within 1.00 points");
  }

  @Test
  void noneIsWhereDenseItselfScoresNothing() {
    assertThat(sentences(0.0, 0.0))
        .singleElement()
        .asString()
        .startsWith("No budget is recommended: dense attention itself scores 0");
  }

  @Test
  void noneIsWhereNothingWasScored() {
    assertThat(sentences(null, null))
        .singleElement()
        .asString()
        .startsWith("No budget is recommended: no answer has a score")
        .contains("--answer-col");
  }
}
