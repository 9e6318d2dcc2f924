package dev.questspark.job.report;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.options.MeasureOptions.Allowed;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RecommendationTest {
  private static final Allowed ALLOWED = new Allowed(0.01, 0.02);

  private static List<String> sentences(Double dense, Double quest) {
    List<QualityRow> quality = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      quality.add(MeasuredRows.scored("all", -1, i, dense));
      quality.add(MeasuredRows.scored("quest", 256, i, quest));
    }
    return Recommendation.sentences(new Measurements(quality, List.of(), List.of()), ALLOWED);
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
        .contains("--answer-col", "--suite divergence");
  }

  @Test
  void windowsAreJudgedByTheirKlWithItsInterval() {
    List<String> sentences =
        Recommendation.sentences(MeasuredRows.windows(30), new Allowed(0.01, 0.025));
    assertThat(sentences).hasSize(3);
    assertThat(sentences.get(0))
        .contains("no expected answers", "at most 0.0250 nats (--max-kl)", "at most 2.5 % higher");
    // 0.02 at 1,024 tokens; 0.04 at 512
    assertThat(sentences.get(1))
        .contains("a budget of 1024 tokens has a KL of 0.0200", "95 % interval 0.0191 to 0.0209")
        .contains("reading 50.0 % of the KV")
        .doesNotContain("more windows");
    assertThat(sentences.get(2)).endsWith("of at most 0.0250; the least is 0.5000.");
  }

  @Test
  void aCachePolicyIsJudgedAgainstDenseAttentionOnAllOfTheDocument() {
    Measurements measurements = MeasuredRows.cachePolicies();
    assertThat(Recommendation.sentences(measurements, ALLOWED))
        .satisfiesExactly(
            quest -> assertThat(quest).startsWith("quest: a budget of 256 tokens stays within"),
            dense ->
                assertThat(dense)
                    .startsWith(
                        "dense under a_shape(recent=448): it does not stay within 1.00 points of"
                            + " dense attention (-8.3, 95 % interval "),
            both ->
                assertThat(both)
                    .startsWith(
                        "quest under a_shape(recent=448): no measured budget stays within"));
    assertThat(Recommendation.sentences(measurements, new Allowed(0.1, 0)))
        .element(1)
        .asString()
        .contains("it stays within 10.0 points", "prefill 2.52x, decode 1.00x");
  }

  @Test
  void anIntervalThatReachesOverTheLimitIsSaid() {
    assertThat(Recommendation.sentences(MeasuredRows.windows(30), new Allowed(0, 0.0205)))
        .element(1)
        .asString()
        .contains("a budget of 1024 tokens", "more windows would make it surer");
    assertThat(Recommendation.sentences(MeasuredRows.windows(2), new Allowed(0, 0.025)))
        .element(1)
        .asString()
        .contains("a budget of 1024 tokens", "too few windows for an interval");
  }

  @Test
  void divergenceIsNeverShownWithoutWhatItForgives() {
    assertThat(DivergenceAdvice.unseen(MeasuredRows.windows(3)))
        .singleElement()
        .asString()
        .contains("--suite passkey");
    assertThat(DivergenceAdvice.unseen(MeasuredRows.everyKind())).isEmpty();
  }
}
