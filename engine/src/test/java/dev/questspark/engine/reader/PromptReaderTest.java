package dev.questspark.engine.reader;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.Gson;
import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.model.DecoderHarness;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.reader.PromptReader.Passage;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the first layers see and what the model then answers, against Hugging Face transformers
 * (float32, eager attention): {@code generate.py} beside the expected file says how.
 */
class PromptReaderTest {
  private static final double SCORE_TOLERANCE = 1e-5;
  private static final int CHUNK = 32;
  private static Backend backend;
  private static Expected expected;

  /** The fields of expected.json. */
  private record Expected(int[] document, int[] question, Map<String, List<Reading>> models) {}

  private record Reading(int layers, float[] attention, List<Selection> selections) {}

  private record Selection(
      double keep, int[] chunks, double margin, Answer original, Answer compacted) {}

  private record Answer(int[] tokens, double[] log_probs) {}

  @BeforeAll
  static void open() throws Exception {
    backend = CpuBackend.open(new BackendOptions(2, DType.F32, true));
    expected =
        new Gson().fromJson(Files.readString(resource("/selective/expected.json")), Expected.class);
  }

  @AfterAll
  static void close() {
    backend.close();
  }

  private static Path resource(String name) {
    try {
      return Path.of(PromptReaderTest.class.getResource(name).toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static Path folder(String model) {
    return resource("/hf-models/" + model + "/config.json").getParent();
  }

  /** Reads the document and the first {@code questionRows} rows of the question in steps. */
  private static float[] attention(
      DecoderHarness harness, int layers, int rowsPerStep, int questionRows) {
    int[] document = expected.document;
    int[] tokens = Arrays.copyOf(document, document.length + questionRows);
    System.arraycopy(expected.question, 0, tokens, document.length, questionRows);
    try (PromptReader reader = harness.reader(3, 2)) {
      Passage last = null;
      for (int from = 0; from < tokens.length; from += rowsPerStep) {
        int to = Math.min(tokens.length, from + rowsPerStep);
        int[] rows = Arrays.copyOfRange(tokens, from, to);
        last = new Passage(1, layers, rows, from, document.length);
        reader.read(last);
      }
      return reader.attention(last, questionRows).most(layers, 0);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama3-gqa", "qwen3-qknorm"})
  void scoresAndChunksEqualTransformers(String model) {
    int clear = 0;
    try (DecoderHarness harness = new DecoderHarness(folder(model), backend, 512, 512)) {
      for (Reading reading : expected.models.get(model)) {
        float[] attention = attention(harness, reading.layers, 512, expected.question.length);
        assertThat(attention(harness, reading.layers, 37, expected.question.length))
            .as("in steps of 37 rows")
            .isEqualTo(attention);
        assertThat(farthest(attention, reading.attention)).isLessThan(SCORE_TOLERANCE);
        float[] oneRowLess = attention(harness, reading.layers, 512, expected.question.length - 1);
        assertThat(farthest(oneRowLess, reading.attention)).isGreaterThan(SCORE_TOLERANCE);
        for (Selection selection : reading.selections) {
          if (selection.margin > 2 * SCORE_TOLERANCE) {
            TokenSelection policy = policy(selection, reading.layers, "original");
            assertThat(policy.kept(attention, 0)).isEqualTo(tokens(selection.chunks));
            clear++;
          }
        }
      }
    }
    assertThat(clear).as("cuts that no rounding moves").isGreaterThanOrEqualTo(2);
  }

  private static double farthest(float[] actual, float[] expected) {
    return IntStream.range(0, expected.length)
        .mapToDouble(i -> Math.abs((double) actual[i] - expected[i]))
        .max()
        .orElseThrow();
  }

  private static BitSet tokens(int[] chunks) {
    BitSet tokens = new BitSet();
    for (int chunk : chunks) {
      tokens.set(chunk * CHUNK, Math.min(expected.document.length, (chunk + 1) * CHUNK));
    }
    return tokens;
  }

  private static String text(Selection selection, int layers, String positions) {
    return "selective(keep=%s, layers=%d, positions=%s)"
        .formatted(selection.keep, layers, positions);
  }

  private static TokenSelection policy(Selection selection, int layers, String positions) {
    return CachePolicy.parse(text(selection, layers, positions))
        .part(TokenSelection.class)
        .orElseThrow();
  }

  @ParameterizedTest
  @ValueSource(strings = {"llama3-gqa", "qwen3-qknorm"})
  void answersFromWhatIsKeptEqualTransformers(String model) {
    Set<CachePolicy> policies =
        expected.models.get(model).stream()
            .flatMap(
                reading ->
                    reading.selections.stream()
                        .flatMap(
                            selection ->
                                Stream.of("original", "compacted")
                                    .map(it -> text(selection, reading.layers, it))))
            .map(CachePolicy::parse)
            .collect(Collectors.toSet());
    EngineConfig config =
        EngineConfig.builder(folder(model))
            .dtype(ComputeDType.FLOAT32)
            .maxModelLen(512)
            .maxNumBatchedTokens(128)
            .cachePolicies(policies)
            .threads(2)
            .build();
    try (Engine engine = Engine.open(config, new ByteTokenizer(), step -> {})) {
      for (Reading reading : expected.models.get(model)) {
        for (Selection selection : reading.selections) {
          Map.of("original", selection.original, "compacted", selection.compacted)
              .forEach(
                  (positions, answer) ->
                      check(engine, text(selection, reading.layers, positions), answer));
        }
      }
    }
  }

  private static void check(Engine engine, String policy, Answer answer) {
    QuestionRequest scored = QuestionRequest.scoring(expected.question, new Dense(), answer.tokens);
    Completion completion =
        engine
            .submit(
                new DocumentRequest(
                    "d", expected.document, CachePolicy.parse(policy), List.of(scored)))
            .get(0)
            .join();
    for (int i = 0; i < answer.tokens.length; i++) {
      assertThat(completion.logProbs().get(i))
          .as("%s, token %d", policy, i)
          .isCloseTo(answer.log_probs[i], within(2e-4));
    }
  }

  @Test
  void theLastTokensOfATextMayAskInsteadOfAQuestion() {
    int[] whole =
        IntStream.concat(Arrays.stream(expected.document), Arrays.stream(expected.question))
            .toArray();
    Selection selection = expected.models.get("llama3-gqa").get(0).selections.get(1);
    CachePolicy policy = CachePolicy.parse(text(selection, 1, "original"));
    EngineConfig config =
        EngineConfig.builder(folder("llama3-gqa"))
            .dtype(ComputeDType.FLOAT32)
            .maxModelLen(512)
            .cachePolicies(Set.of(policy))
            .threads(2)
            .build();
    QuestionRequest next = QuestionRequest.scoring(new int[] {7}, new Dense(), new int[] {8, 9});
    try (Engine engine = Engine.open(config, new ByteTokenizer(), step -> {})) {
      DocumentRequest request =
          new DocumentRequest(
              "d",
              whole,
              policy,
              List.of(next),
              TokenChoice.PLAIN.withAskingTail(expected.question.length));
      Completion completion = engine.submit(request).get(0).join();
      // The chunks of the document that its question chose, less its last, and the text's last.
      assertThat(completion.usage().readTokens()).isEqualTo(whole.length);
      assertThat(completion.usage().keptTokens()).isLessThan(whole.length);
    }
  }
}
