package dev.questspark.engine.study;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.Gson;
import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.SinkRecent;
import dev.questspark.engine.study.ReferenceWindow.Divergence;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Divergence from dense attention, against transformers and against the definition. */
class ReferenceWindowTest {
  /** Its exponential is no double. */
  private static final double LARGE = 900;

  /** What {@code divergence.py} wrote. */
  private record Expected(
      int prefix,
      List<Integer> budgets,
      int sink,
      int page,
      int[] tokens,
      Map<String, OfModel> models) {
    int[] document() {
      return Arrays.copyOf(tokens, prefix);
    }

    int[] first() {
      return new int[] {tokens[prefix]};
    }

    int[] window() {
      return Arrays.copyOfRange(tokens, prefix + 1, tokens.length);
    }
  }

  private record OfModel(double dense_perplexity, List<OfBudget> sink_recent) {}

  private record OfBudget(double kl, double same_argmax, double perplexity) {}

  /** What the engine says of one policy. */
  private record Found(double kl, double sameArgmax, double perplexity) {}

  private static Path file(String name) {
    try {
      return Path.of(ReferenceWindowTest.class.getResource("/hf-models/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static Expected expected() throws IOException {
    return new Gson().fromJson(Files.readString(file("expected-divergence.json")), Expected.class);
  }

  private static Engine open(String model, int pageSize, long kvBytes) {
    EngineConfig config =
        EngineConfig.builder(file(model + "/config.json").getParent())
            .dtype(ComputeDType.FLOAT32)
            .maxModelLen(512)
            .pageSize(pageSize)
            .kvCacheBytes(kvBytes)
            .overcommit(kvBytes > 0)
            .pageScores(kvBytes > 0 ? Set.of() : Set.copyOf(PageScores.KNOWN))
            .threads(2)
            .build();
    return Engine.open(config, new ByteTokenizer(), step -> {});
  }

  /** The policies over the file's window; the first is what they are held against. */
  private static List<Found> measure(Engine engine, Expected text, List<ReadPolicy> policies) {
    ReferenceWindow dense = new ReferenceWindow(text.window().length);
    List<Divergence> divergences = policies.stream().map(policy -> dense.compared()).toList();
    List<QuestionRequest> questions = new ArrayList<>();
    questions.add(QuestionRequest.scoring(text.first(), policies.get(0), text.window(), dense));
    for (int i = 0; i < policies.size(); i++) {
      questions.add(
          QuestionRequest.scoring(
              text.first(), policies.get(i), text.window(), divergences.get(i)));
    }
    List<Completion> completions =
        engine.submit(new DocumentRequest("text", text.document(), questions)).stream()
            .map(CompletableFuture::join)
            .toList();
    List<Found> found = new ArrayList<>();
    for (int i = 0; i < policies.size(); i++) {
      double logProb =
          completions.get(i + 1).logProbs().stream()
              .mapToDouble(Double::doubleValue)
              .average()
              .orElseThrow();
      Divergence divergence = divergences.get(i);
      found.add(new Found(divergence.kl(), divergence.sameArgmax(), Math.exp(-logProb)));
    }
    return found;
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama3-gqa", "qwen3-qknorm"})
  void whatIsMeasuredIsWhatTransformersComputesUnderAnAttentionMask(String model)
      throws IOException {
    Expected expected = expected();
    OfModel reference = expected.models.get(model);
    List<ReadPolicy> policies = new ArrayList<>(List.of(new Dense()));
    expected.budgets.forEach(budget -> policies.add(new SinkRecent(budget, expected.sink)));
    try (Engine engine = open(model, expected.page, 0)) {
      List<Found> found = measure(engine, expected, policies);
      assertThat(found.get(0).kl).isZero();
      assertThat(found.get(0).sameArgmax).isEqualTo(1);
      check(found.get(0).perplexity, reference.dense_perplexity);
      for (int i = 0; i < reference.sink_recent.size(); i++) {
        OfBudget of = reference.sink_recent.get(i);
        assertThat(found.get(i + 1).kl).isCloseTo(of.kl, within(1e-4));
        assertThat(found.get(i + 1).sameArgmax).isCloseTo(of.same_argmax, within(1e-9));
        check(found.get(i + 1).perplexity, of.perplexity);
      }
    }
  }

  private static void check(double perplexity, double reference) {
    assertThat(perplexity / reference).isCloseTo(1, within(1e-4));
  }

  @Test
  void aBudgetThatCoversTheTextDivergesByExactlyNothing() throws IOException {
    Expected text = expected();
    try (Engine engine = open("llama3-gqa", text.page, 0)) {
      List<Found> found =
          measure(
              engine,
              text,
              List.of(
                  new Dense(),
                  ReadPolicy.parse("quest(budget=512)"),
                  new SinkRecent(512, text.sink),
                  ReadPolicy.parse("quest(budget=64, sink=0)")));
      assertThat(found.subList(0, 3)).containsOnly(new Found(0, 1, found.get(0).perplexity));
      assertThat(found.get(3).kl).isPositive();
      assertThat(found.get(3).sameArgmax).isLessThan(1);
    }
  }

  @Test
  void preemptionChangesNoRow() throws IOException {
    Expected text = expected();
    List<ReadPolicy> policies =
        List.of(new Dense(), new SinkRecent(96, text.sink), new SinkRecent(48, text.sink));
    List<Found> found;
    try (Engine engine = open("llama3-gqa", text.page, 0)) {
      found = measure(engine, text, policies);
    }
    // as few as the engine opens with, and the null page: the document has 19, each question four
    long tight = 33L * 4 * 2 * 16 * Float.BYTES * 2 * text.page; // no digests
    try (Engine engine = open("llama3-gqa", text.page, tight)) {
      assertThat(measure(engine, text, policies)).isEqualTo(found);
      assertThat(engine.report().work().preemptions()).isPositive();
    }
  }

  /** A question can be ahead of dense attention, as after a preemption of that. */
  @Test
  void theSumIsTheDefinitionsWhicheverQuestionIsAhead() {
    Random random = new Random(3);
    int rows = 5;
    float[][] dense = logits(random, rows);
    float[][] other = logits(random, rows);
    dense[2][7] = Float.NEGATIVE_INFINITY;
    ReferenceWindow window = new ReferenceWindow(rows);
    Divergence behind = window.compared();
    Divergence ahead = window.compared();
    float[] shared = new float[other[0].length]; // the engine's one array for all rows
    for (int row = 0; row < rows; row++) {
      System.arraycopy(other[row], 0, shared, 0, shared.length);
      ahead.row(row, shared, normaliser(shared));
    }
    for (int row = 0; row < rows; row++) {
      System.arraycopy(dense[row], 0, shared, 0, shared.length);
      window.row(row, shared, normaliser(shared));
    }
    for (int row = 0; row < rows; row++) {
      behind.row(row, other[row], normaliser(other[row]));
    }
    assertThat(ahead.kl()).isEqualTo(behind.kl());
    assertThat(ahead.sameArgmax()).isEqualTo(behind.sameArgmax());
    double kl = 0;
    for (int row = 0; row < rows; row++) {
      double[] p = softmax(dense[row]);
      double[] q = softmax(other[row]);
      for (int id = 0; id < p.length; id++) {
        kl += p[id] == 0 ? 0 : p[id] * Math.log(p[id] / q[id]) / rows;
      }
    }
    assertThat(behind.kl()).isCloseTo(kl, within(1e-9)).isPositive();
  }

  private static float[][] logits(Random random, int rows) {
    float[][] logits = new float[rows][33];
    for (float[] row : logits) {
      for (int id = 0; id < row.length; id++) {
        row[id] = (float) (LARGE + 4 * random.nextGaussian());
      }
    }
    return logits;
  }

  private static double normaliser(float[] logits) {
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp(logit - LARGE);
    }
    return LARGE + Math.log(sum);
  }

  private static double[] softmax(float[] logits) {
    double sum = 0;
    double[] weights = new double[logits.length];
    for (int id = 0; id < logits.length; id++) {
      weights[id] = Math.exp(logits[id] - LARGE);
      sum += weights[id];
    }
    for (int id = 0; id < logits.length; id++) {
      weights[id] /= sum;
    }
    return weights;
  }

  @Test
  void aTextThatWasNotSeenWholeHasNoDivergence() {
    ReferenceWindow window = new ReferenceWindow(2);
    Divergence divergence = window.compared();
    window.row(0, new float[] {1, 2}, 2.3);
    divergence.row(0, new float[] {1, 2}, 2.3);
    divergence.row(1, new float[] {1, 2}, 2.3);
    assertThatThrownBy(divergence::kl)
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("1 of 2 rows were compared");
  }
}
