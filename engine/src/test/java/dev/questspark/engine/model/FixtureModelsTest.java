package dev.questspark.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import dev.questspark.engine.model.DecoderHarness.Rows;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.SkipLayers;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The seven checkpoints against logits and greedy tokens of Hugging Face transformers (float32,
 * eager attention): whatever the chunks, whatever else is in the batch, dense or Quest with a
 * budget that covers the context.
 */
class FixtureModelsTest {
  private static final int PROMPT = 300;
  private static final int QUESTION_FROM = 277; // the last rows go through the selector
  private static final int NEW_TOKENS = 48;
  private static final double TOLERANCE = 2e-3;
  private static Backend backend;

  /** The fields of expected.json. */
  private record Expected(int[] prompt, int[] logit_positions, float[][] logits, int[] greedy) {}

  /** Logits at the listed positions, then one row of logits per generated token. */
  private record Run(List<float[]> promptLogits, List<float[]> stepLogits, int[] greedy) {}

  @BeforeAll
  static void open() {
    backend = CpuBackend.open(new BackendOptions(2, DType.F32, true));
  }

  @AfterAll
  static void close() {
    backend.close();
  }

  /** As every user loads a checkpoint. */
  @ParameterizedTest
  @MethodSource("names")
  void equalsTransformers(String name) throws Exception {
    check(name, "expected.json", false);
  }

  /** The older reference had its rotary frequencies rounded to bfloat16; so has this run. */
  @ParameterizedTest
  @MethodSource("names")
  void equalsTransformersWithRoundedRotaryFrequencies(String name) throws Exception {
    check(name, "expected-rounded-rope.json", true);
  }

  private static List<String> names() {
    return List.of(
        "llama-mha",
        "llama-linear-rope",
        "llama-yarn",
        "llama3-gqa",
        "mistral-window",
        "qwen2-bias",
        "qwen3-qknorm");
  }

  private static void check(String name, String reference, boolean roundedRope) throws Exception {
    Path folder = folder(name);
    Expected expected =
        new Gson().fromJson(Files.readString(folder.resolve(reference)), Expected.class);
    Run first = null;
    for (ReadPolicy policy :
        List.of(new Dense(), quest(PageScores.MINMAX), quest(PageScores.MEANSTD))) {
      for (int chunk : new int[] {PROMPT, 37, 64}) {
        for (boolean mixed : new boolean[] {false, true}) {
          Run run;
          try (DecoderHarness harness = new DecoderHarness(folder, backend, 3, roundedRope)) {
            run = run(harness, expected, policy, chunk, mixed);
          }
          String what = name + " " + policy.label() + " chunk " + chunk + " mixed " + mixed;
          for (int i = 0; i < expected.logits().length; i++) {
            assertThat(maxDifference(run.promptLogits().get(i), expected.logits()[i]))
                .as("%s: logits at position %d", what, expected.logit_positions()[i])
                .isLessThan(TOLERANCE);
          }
          assertThat(run.greedy()).as(what).isEqualTo(expected.greedy());
          first = first == null ? run : first;
          assertBitEqual(what, run.promptLogits(), first.promptLogits());
          assertBitEqual(what, run.stepLogits(), first.stepLogits());
        }
      }
    }
  }

  private static Run run(
      DecoderHarness harness, Expected expected, ReadPolicy policy, int chunk, boolean mixed) {
    int[] tokens = Arrays.copyOf(expected.prompt(), PROMPT + NEW_TOKENS);
    Optional<Companions> companions =
        mixed ? Optional.of(new Companions(harness.config.vocabSize())) : Optional.empty();
    List<float[]> promptLogits = new ArrayList<>();
    int from = 0;
    while (from < PROMPT) {
      boolean question = from >= QUESTION_FROM;
      int to = Math.min(from + chunk, question ? PROMPT : QUESTION_FROM);
      Rows rows =
          new Rows(0, tokens, from, to, question ? policy : null, expected.logit_positions());
      promptLogits.addAll(step(harness, rows, companions));
      from = to;
    }
    List<float[]> stepLogits = new ArrayList<>();
    int[] greedy = new int[NEW_TOKENS];
    float[] last = promptLogits.get(promptLogits.size() - 1);
    for (int i = 0; i < NEW_TOKENS; i++) {
      greedy[i] = DecoderHarness.argmax(last);
      int position = PROMPT + i;
      tokens[position] = greedy[i];
      if (i + 1 < NEW_TOKENS) {
        Rows rows = new Rows(0, tokens, position, position + 1, policy, position);
        last = step(harness, rows, companions).get(0);
        stepLogits.add(last);
      }
    }
    return new Run(promptLogits, stepLogits, greedy);
  }

  /**
   * Two other sequences that share every step: one being prefilled, one that attends through other
   * selectors.
   */
  private static final class Companions {
    private final int[] tokens;
    private int prefilled;
    private int decoded;

    Companions(int vocabulary) {
      tokens = new Random(7).ints(512, 3, vocabulary).toArray();
    }

    Optional<Rows> nextPrefill() {
      int from = prefilled;
      prefilled = Math.min(500, from + 1 + from % 29);
      return prefilled > from
          ? Optional.of(new Rows(1, tokens, from, prefilled, null))
          : Optional.empty();
    }

    Rows nextDecode() {
      int from = decoded++;
      ReadPolicy sparse = new SkipLayers(1, ReadPolicy.parse("quest(budget=32, sink=0)"));
      return new Rows(2, tokens, from, from + 1, from % 3 == 0 ? new Dense() : sparse);
    }
  }

  private static List<float[]> step(
      DecoderHarness harness, Rows rows, Optional<Companions> companions) {
    if (companions.isEmpty()) {
      return harness.step(List.of(rows));
    }
    List<Rows> spans = new ArrayList<>();
    companions.get().nextPrefill().ifPresent(spans::add);
    Rows decode = companions.get().nextDecode();
    spans.addAll(rows.policy() == null ? List.of(rows, decode) : List.of(decode, rows));
    return harness.step(spans);
  }

  private static ReadPolicy quest(PageScore score) {
    return ReadPolicy.parse("quest(budget=512, score=" + score + ", sink=0)");
  }

  private static double maxDifference(float[] actual, float[] expected) {
    double most = 0;
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i]).isNotNaN();
      most = Math.max(most, Math.abs((double) actual[i] - expected[i]));
    }
    return most;
  }

  private static void assertBitEqual(String what, List<float[]> actual, List<float[]> expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.size(); i++) {
      assertThat(Arrays.equals(actual.get(i), expected.get(i)))
          .as("%s: logits %d bit-equal to the first run", what, i)
          .isTrue();
    }
  }

  private static Path folder(String name) throws URISyntaxException {
    return Path.of(
            FixtureModelsTest.class.getResource("/hf-models/" + name + "/config.json").toURI())
        .getParent();
  }
}
