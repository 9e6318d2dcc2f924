package dev.questspark.engine.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.EnginePlan;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.stats.EngineReport;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is planned is what the engine's own counters then say. */
class DocumentPlanTest {
  private static final ReadPolicy QUEST = ReadPolicy.parse("quest(budget=128, sink=0)");
  private static final int ANSWER = 12;

  private static Path folder(String model) {
    try {
      return Path.of(
              DocumentPlanTest.class.getResource("/hf-models/" + model + "/config.json").toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static EngineConfig.Builder config(CachePolicy policy) {
    return EngineConfig.builder(folder("qwen3-qknorm"))
        .readerModel(Optional.of(folder("llama3-gqa")))
        .dtype(ComputeDType.FLOAT32)
        .maxModelLen(1024)
        .maxNumBatchedTokens(1024)
        .kvCacheBytes(16 << 20)
        .pageScores(QUEST.digests())
        .cachePolicies(Set.of(policy))
        .threads(2);
  }

  private static int[] tokens(long seed, int count) {
    return new Random(seed).ints(count, 3, 320).toArray();
  }

  private static Completion ask(Engine engine, CachePolicy policy, int tokens, ReadPolicy reads) {
    QuestionRequest question = QuestionRequest.scoring(tokens(2, 9), reads, tokens(9, ANSWER));
    return engine
        .submit(new DocumentRequest("d", tokens(1, tokens), policy, List.of(question)))
        .get(0)
        .join();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "none",
        "keep_all",
        "int8",
        "int4(whole=64)",
        "k4v2",
        "streaming_llm(sink=4, recent=124)",
        "streaming_llm(sink=4, recent=124) + int8",
        "selective(keep=0.3)",
        "selective(keep=0.25, reader=model)",
        "truncate_middle(keep=0.4)",
      })
  void bytesAreThoseOfTheEngine(String text) {
    CachePolicy policy = CachePolicy.parse(text);
    EnginePlan plan = EnginePlan.of(config(policy).build());
    EnginePlan.Memory memory = plan.divide(plan.cacheDType(), 1 << 30);
    try (Engine engine = Engine.open(config(policy).build(), new ByteTokenizer(), step -> {})) {
      EngineReport report = engine.report();
      assertThat(report.memory().kvCacheBytes()).isEqualTo(memory.bytes());
      assertThat(report.setup().kvPages()).isEqualTo(memory.pages());
      for (int tokens : new int[] {40, 300, 777}) {
        DocumentPlan document = new DocumentPlan(plan, memory, policy, tokens);
        Completion dense = ask(engine, policy, tokens, new Dense());
        if (text.startsWith("selective")) { // the last chunk is kept, and may be a short one
          int kept = dense.usage().keptTokens() - 9;
          assertThat(document.keptTokens()).isBetween(kept, kept + 31);
          assertThat(document.bytes()).isGreaterThanOrEqualTo(dense.prefill().storedBytes());
        } else {
          assertThat(document.bytes()).isEqualTo(dense.prefill().storedBytes());
          assertThat(document.keptTokens()).isEqualTo(dense.usage().keptTokens() - 9);
        }
        for (ReadPolicy reads : new ReadPolicy[] {new Dense(), QUEST}) {
          Completion answer = ask(engine, policy, tokens, reads);
          double perStep = answer.reads().bytesRead() / (double) (ANSWER - 1);
          if (document.keptTokens() > 250) {
            assertThat(document.decodeBytes(reads, 9 + ANSWER / 2).orElseThrow())
                .as(reads.text())
                .isCloseTo((long) perStep, within((long) (0.12 * perStep)));
          }
        }
      }
    }
  }

  @Test
  void asManyDocumentsFitAsPagesAllow() {
    EnginePlan plan = EnginePlan.of(config(CachePolicy.NONE).build());
    EnginePlan.Memory memory = plan.divide(plan.cacheDType(), 1 << 30);
    DocumentPlan document = new DocumentPlan(plan, memory, CachePolicy.NONE, 300);
    int pages = (300 + 52 + 15) / 16;
    assertThat(document.atOnce(52)).isEqualTo(memory.pages() / pages);
    CachePolicy int4 = CachePolicy.parse("int4");
    EnginePlan compressed = EnginePlan.of(config(int4).build());
    EnginePlan.Memory divided = compressed.divide(compressed.cacheDType(), 1 << 30);
    assertThat(new DocumentPlan(compressed, divided, int4, 900).atOnce(100))
        .isGreaterThan(new DocumentPlan(plan, memory, CachePolicy.NONE, 900).atOnce(100));
    assertThatThrownBy(() -> EnginePlan.of(config(int4).maxModelLen(1 << 20).build()))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("lower max_model_len");
  }

  /** The weights of the layers' products, counted from the file. */
  private static double layerWeights(String model) throws IOException {
    double weights = 0;
    try (Stream<Path> files = Files.list(folder(model))) {
      for (Path file : files.filter(it -> it.toString().endsWith(".safetensors")).toList()) {
        weights += layerWeights(file);
      }
    }
    return weights;
  }

  private static double layerWeights(Path stored) throws IOException {
    byte[] file = Files.readAllBytes(stored);
    int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
    JsonObject header =
        JsonParser.parseString(new String(file, 8, length, StandardCharsets.UTF_8))
            .getAsJsonObject();
    double weights = 0;
    for (String name : header.keySet()) {
      if (name.contains(".layers.")) {
        var shape = header.getAsJsonObject(name).getAsJsonArray("shape");
        weights += shape.size() == 2 ? shape.get(0).getAsDouble() * shape.get(1).getAsDouble() : 0;
      }
    }
    return weights;
  }

  @Test
  void operationsAreCountedFromTheWeightsThatAreStored() throws IOException {
    CachePolicy dense = CachePolicy.NONE;
    PrefillWork work = PrefillWork.of(EnginePlan.of(config(dense).build()), dense, 500);
    assertThat(work.linear()).isEqualTo(2 * 500 * layerWeights("qwen3-qknorm"));
    double pairs = 0;
    for (int row = 1; row <= 500; row++) {
      pairs += row;
    }
    EnginePlan plan = EnginePlan.of(config(dense).build());
    double perPair = 4.0 * plan.model().layers() * plan.model().heads() * plan.model().headDim();
    assertThat(work.attention()).isEqualTo(pairs * perPair);

    CachePolicy second = CachePolicy.parse("selective(keep=0.25, reader=model)");
    PrefillWork selective = PrefillWork.of(EnginePlan.of(config(second).build()), second, 512);
    assertThat(selective.linear())
        .isEqualTo(2 * 512 * (layerWeights("llama3-gqa") + 0.25 * layerWeights("qwen3-qknorm")));

    EngineConfig windows =
        EngineConfig.builder(folder("mistral-window")).maxModelLen(512).threads(1).build();
    EnginePlan windowed = EnginePlan.of(windows);
    double seen = 0;
    for (int layer = 0; layer < windowed.model().layers(); layer++) {
      for (int row = 1; row <= 400; row++) {
        int window = windowed.model().window(layer);
        seen += window == 0 ? row : Math.min(row, window);
      }
    }
    assertThat(PrefillWork.of(windowed, dense, 400).attention())
        .isEqualTo(4 * seen * windowed.model().heads() * windowed.model().headDim());
  }
}
