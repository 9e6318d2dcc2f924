package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Log-probabilities of a given text, fed token by token through each selector. */
class ScoringTest {
  private static final int VOCABULARY = 320;

  private static Engine open() throws URISyntaxException {
    Path model =
        Path.of(ScoringTest.class.getResource("/hf-models/llama3-gqa/config.json").toURI())
            .getParent();
    EngineConfig config =
        EngineConfig.builder(model)
            .dtype(ComputeDType.FLOAT32)
            .maxModelLen(1024)
            .maxNumBatchedTokens(512)
            .pageScores(Set.copyOf(PageScores.KNOWN))
            .threads(2)
            .build();
    return Engine.open(config, new ByteTokenizer(), step -> {});
  }

  private static final ReadPolicy QUEST = ReadPolicy.parse("quest(budget=32, sink=0)");

  private static int[] tokens(long seed, int count) {
    return new Random(seed).ints(count, 3, VOCABULARY).toArray();
  }

  private static List<Completion> score(Engine engine, int[] document, List<QuestionRequest> rows) {
    return engine.submit(new DocumentRequest("text", document, rows)).stream()
        .map(future -> future.join())
        .toList();
  }

  @Test
  void everyTokenOfATextIsScoredThroughThePolicy() throws URISyntaxException {
    int[] text = tokens(7, 300);
    int[] begin = {1};
    try (Engine engine = open()) {
      List<Completion> scored =
          score(
              engine,
              new int[0],
              List.of(
                  QuestionRequest.scoring(begin, new Dense(), text),
                  QuestionRequest.scoring(begin, QUEST, text)));
      List<Double> dense = scored.get(0).logProbs();
      assertThat(dense).hasSize(300).allMatch(p -> p < 0 && Double.isFinite(p));
      assertThat(scored.get(1).logProbs().subList(0, 32)).isEqualTo(dense.subList(0, 32));
      assertThat(scored.get(1).logProbs()).isNotEqualTo(dense);
      assertThat(scored.get(1).reads().sparseSteps()).isPositive();
      assertThat(scored.get(0).tokens()).isEqualTo(IntStream.of(text).boxed().toList());
    }
  }

  @Test
  void theGreedyAnswerIsTheMostProbableTokenAtEveryStep() throws URISyntaxException {
    int[] document = tokens(3, 200);
    int[] question = tokens(4, 5);
    try (Engine engine = open()) {
      QuestionRequest drawn =
          new QuestionRequest(question, new Dense(), false, SamplingParams.greedy(20, List.of()));
      int[] greedy =
          score(engine, document, List.of(drawn)).get(0).tokens().stream()
              .mapToInt(Integer::intValue)
              .toArray();
      List<QuestionRequest> everyLastToken =
          IntStream.range(0, VOCABULARY)
              .mapToObj(token -> new int[] {greedy[0], greedy[1], token})
              .map(text -> QuestionRequest.scoring(question, new Dense(), text))
              .toList();
      List<Completion> scored = score(engine, document, everyLastToken);
      double total = scored.stream().mapToDouble(c -> Math.exp(c.logProbs().get(2))).sum();
      assertThat(total).as("the softmax sums to one").isCloseTo(1, within(1e-9));
      double best = scored.get(greedy[2]).logProbs().get(2);
      assertThat(scored).allMatch(c -> c.logProbs().get(2) <= best);
    }
  }

  @Test
  void aForcedAnswerMustBeFedWhole() {
    assertThatThrownBy(
            () ->
                new QuestionRequest(
                    new int[] {1},
                    new Dense(),
                    false,
                    SamplingParams.greedy(5, List.of()),
                    new int[] {7, 8},
                    LogitsListener.NONE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("max_tokens is 5");
  }
}
