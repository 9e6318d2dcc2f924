package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.Gson;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.model.family.ConfigOverrides;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.reader.LayerAttention;
import dev.questspark.engine.reader.PromptReader;
import dev.questspark.engine.reader.PromptReader.Passage;
import dev.questspark.engine.reader.ReaderModel;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** A second model that reads: small checkpoints of two families with one vocabulary. */
class ReaderModelTest {
  private static final String MODEL = "llama3-gqa";
  private static final String READER = "qwen3-qknorm";
  private static final int CHUNK = 32;

  private static Path resource(String name) {
    try {
      return Path.of(ReaderModelTest.class.getResource(name).toURI());
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static Path folder(String model) {
    return resource("/hf-models/" + model + "/config.json").getParent();
  }

  private static EngineConfig.Builder config(String reader, CachePolicy... policies) {
    return EngineConfig.builder(folder(MODEL))
        .readerModel(Optional.of(folder(reader)))
        .dtype(ComputeDType.FLOAT32)
        .maxModelLen(512)
        .maxNumBatchedTokens(128)
        .cachePolicies(Set.of(policies))
        .threads(2);
  }

  private static Engine open(EngineConfig.Builder config) {
    return Engine.open(config.build(), new ByteTokenizer(), step -> {});
  }

  private static int[] tokens(long seed, int count) {
    return new Random(seed).ints(count, 3, 320).toArray();
  }

  private static Completion score(Engine engine, int[] text, CachePolicy policy, int[] question) {
    QuestionRequest scored = QuestionRequest.scoring(question, new Dense(), tokens(9, 12));
    return engine.submit(new DocumentRequest("d", text, policy, List.of(scored))).get(0).join();
  }

  /** The fields of expected.json that are used here. */
  private record Expected(int[] document, int[] question) {}

  /**
   * Of transformers' chunks for the reader (see PromptReaderTest), 0, 3 and 10 at one layer and
   * keep 0.3; the model's own first layer chooses 0, 2 and 10.
   */
  @Test
  void theReaderChoosesAndTheModelAnswersFromWhatItChose() throws IOException {
    Expected expected =
        new Gson().fromJson(Files.readString(resource("/selective/expected.json")), Expected.class);
    CachePolicy policy =
        CachePolicy.parse("selective(keep=0.3, reader=model, layers=1, positions=compacted)");
    int[] kept =
        IntStream.of(0, 3, 10)
            .flatMap(chunk -> IntStream.range(chunk * CHUNK, (chunk + 1) * CHUNK))
            .filter(token -> token < expected.document.length)
            .map(token -> expected.document[token])
            .toArray();
    try (Engine engine = open(config(READER, policy))) {
      Completion answer = score(engine, expected.document, policy, expected.question);
      assertThat(answer.logProbs())
          .isEqualTo(score(engine, kept, CachePolicy.NONE, expected.question).logProbs());
      assertThat(answer.usage().keptTokens()).isEqualTo(kept.length + expected.question.length);
    }
  }

  @Test
  void aModelThatReadsForItselfChoosesAsItsOwnLayersDo() {
    int[] text = tokens(1, 430);
    int[] question = tokens(2, 9);
    for (String positions : List.of("original", "compacted")) {
      CachePolicy second =
          CachePolicy.parse(
              "selective(keep=0.25, reader=model, layers=3, positions=%s)".formatted(positions));
      CachePolicy own =
          CachePolicy.parse("selective(keep=0.25, layers=3, positions=%s)".formatted(positions));
      try (Engine engine = open(config(MODEL, second, own))) {
        Completion answer = score(engine, text, second, question);
        assertThat(answer.logProbs()).isEqualTo(score(engine, text, own, question).logProbs());
        assertThat(answer.usage().readTokens()).isEqualTo(439);
      }
    }
  }

  @Test
  void answersDependOnNeitherStepsNorPlacesNorPreemption() {
    CachePolicy model = CachePolicy.parse("selective(keep=0.3, reader=model)");
    CachePolicy compacted =
        CachePolicy.parse("selective(keep=0.2, reader=model, layers=2, positions=compacted)");
    CachePolicy own = CachePolicy.parse("selective(keep=0.3, layers=2, union=false)");
    CachePolicy drafted =
        CachePolicy.parse("selective(keep=0.3, reader=model, lookahead=3, union=false)");
    CachePolicy[] planned = {model, compacted, own, drafted};
    List<CachePolicy> policies = List.of(model, own, CachePolicy.NONE, compacted, drafted);
    long[] preemptions = new long[1];
    List<List<Integer>> alone = run(config(READER, planned).maxNumSeqs(1), policies, preemptions);
    assertThat(
            run(
                config(READER, planned).maxNumBatchedTokens(37).readingDocuments(2),
                policies,
                preemptions))
        .isEqualTo(alone);
    assertThat(preemptions[0]).isZero();
    // 33 pages of 16 tokens of 4 layers x 2 KV heads x 16 channels x 4 bytes with a digest pair,
    // what the model's own 2 layers take to read 512 tokens, and what the reader's 4 take for 2,048
    long pages = 34L * 4 * 2 * 16 * 4 * (2 * 16 + 2);
    long first = 33L * 2 * 2 * 16 * 4 * 2 * 16 + 2L * 8 * 512 * 4;
    assertThat(
            run(
                config(READER, planned)
                    .overcommit(true)
                    .kvCacheBytes(pages + first + readerBytes()),
                policies,
                preemptions))
        .isEqualTo(alone);
    assertThat(preemptions[0]).as("the tight cache must have preempted something").isPositive();
  }

  /** Of four layers that read 2,048 tokens, with 4 query and 2 KV heads of 32 channels. */
  private static long readerBytes() {
    return 129L * 4 * 2 * 32 * 4 * 2 * 16 + 4L * 4 * 2048 * 4;
  }

  private static List<List<Integer>> run(
      EngineConfig.Builder config, List<CachePolicy> policies, long[] preemptions) {
    try (Engine engine = open(config)) {
      List<CompletableFuture<Completion>> futures = new ArrayList<>();
      for (int d = 0; d < 8; d++) {
        futures.addAll(
            engine.submit(
                new DocumentRequest(
                    "d" + d,
                    tokens(d, 200 + 30 * d),
                    policies.get(d % policies.size()),
                    List.of(
                        new QuestionRequest(
                            tokens(50 + d, 5),
                            ReadPolicy.parse("quest(budget=64, sink=16, recent=16)"),
                            false,
                            SamplingParams.greedy(20, List.of())),
                        new QuestionRequest(
                            tokens(70 + d, 9),
                            new Dense(),
                            false,
                            SamplingParams.greedy(40, List.of()))))));
      }
      List<List<Integer>> answers =
          futures.stream()
              .map(CompletableFuture::join)
              .map(
                  answer -> {
                    List<Integer> all = new ArrayList<>(answer.tokens());
                    all.add(answer.usage().keptTokens());
                    return all;
                  })
              .toList();
      preemptions[0] += engine.report().work().preemptions();
      return answers;
    }
  }

  /** Of transformers' greedy tokens, the first ones. */
  @Test
  void theRowsOfADraftAskToo() throws IOException {
    Greedy greedy =
        new Gson()
            .fromJson(
                Files.readString(resource("/hf-models/" + READER + "/expected.json")),
                Greedy.class);
    int[] prompt = greedy.prompt;
    int document = prompt.length - 12;
    int drafted = 4;
    ModelConfig config = ModelConfigReader.read(folder(READER), ConfigOverrides.NONE);
    KvGeometry like = new KvGeometry(1, 1, 16, 16, DType.F32);
    try (Backend backend = CpuBackend.open(new BackendOptions(2, DType.F32, true));
        ReaderModel model = new ReaderModel(backend, folder(READER), config);
        PromptReader reader = model.reader(like, config.layers(), 2, 512, 512)) {
      int[] all = Arrays.copyOf(prompt, prompt.length + drafted);
      Passage last = null;
      for (int from = 0; from < all.length; ) {
        int to = from == 0 ? document + 5 : Math.max(prompt.length, from + 1);
        int[] rows = Arrays.copyOfRange(all, from, to);
        last = new Passage(0, config.layers(), rows, from, document);
        if (to >= prompt.length && to < all.length) {
          all[to] = reader.draft(last);
          assertThat(all[to]).isEqualTo(greedy.greedy[to - prompt.length]);
        } else {
          reader.read(last);
        }
        from = to;
      }
      LayerAttention shown = reader.attention(last, all.length - document);
      Passage whole = new Passage(1, config.layers(), all, 0, document);
      reader.read(whole);
      for (int layers = 1; layers <= config.layers(); layers++) {
        assertThat(shown.most(layers, 0))
            .as("%d layers that read the draft as a question", layers)
            .isEqualTo(reader.attention(whole, all.length - document).most(layers, 0));
      }
    }
  }

  /** The fields of a checkpoint's expected.json that are used here. */
  private record Greedy(int[] prompt, int[] greedy) {}

  @Test
  void aDraftIsReadAndCountedButNoPartOfThePrompt() {
    CachePolicy drafts = CachePolicy.parse("selective(keep=0.3, reader=model, lookahead=7)");
    CachePolicy plain = CachePolicy.parse("selective(keep=0.3, reader=model)");
    try (Engine engine = open(config(READER, drafts, plain))) {
      int differ = 0;
      for (int d = 0; d < 6; d++) {
        Completion answer = score(engine, tokens(d, 400), drafts, tokens(90 + d, 9));
        Completion without = score(engine, tokens(d, 400), plain, tokens(90 + d, 9));
        assertThat(answer.usage().promptTokens()).isEqualTo(409);
        assertThat(answer.usage().readTokens()).isEqualTo(416);
        assertThat(without.usage().readTokens()).isEqualTo(409);
        differ += answer.logProbs().equals(without.logProbs()) ? 0 : 1;
      }
      assertThat(differ).as("answers from another choice").isPositive();
    }
    assertThatThrownBy(() -> CachePolicy.parse("selective(lookahead=3)"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("lookahead is 3, but only a second model");
    assertThatThrownBy(
            () -> CachePolicy.parse("selective(lookahead=3, reader=model, rows=question)"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("take reader=model and rows=suffix");
    CachePolicy few = CachePolicy.parse("selective(lookahead=3, reader=model, layers=2)");
    assertThatThrownBy(() -> open(config(READER, few)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("a draft takes all 4 layers of the reader model and layers is 2");
  }

  @Test
  void aPromptBeyondTheModelsLengthIsReadWhereWhatIsKeptFits() {
    CachePolicy compacted =
        CachePolicy.parse("selective(keep=0.2, reader=model, positions=compacted)");
    CachePolicy original = CachePolicy.parse("selective(keep=0.2, reader=model)");
    try (Engine engine = open(config(READER, compacted, original))) {
      assertThat(engine.longestPrompt(compacted, 300)).isEqualTo(2048);
      assertThat(engine.longestPrompt(original, 300)).isEqualTo(212);
      Completion answer = score(engine, tokens(1, 1500), compacted, tokens(2, 20));
      assertThat(answer.usage().promptTokens()).isEqualTo(1520);
      assertThat(answer.usage().keptTokens()).isLessThan(400);
      assertTooLong(engine, compacted, 2030, "to read", "the reader model reads at most 2048");
      assertTooLong(engine, original, 500, "max_tokens 12", "max_model_len is 512");
      assertTooLong(engine, CachePolicy.NONE, 500, "max_model_len is 512");
    }
  }

  @Test
  void theLongestDocumentIsAnsweredWhateverIsChosen() {
    CachePolicy compacted =
        CachePolicy.parse("selective(keep=0.5, reader=model, positions=compacted)");
    CachePolicy original = CachePolicy.parse("selective(keep=0.5, reader=model)");
    CachePolicy own = CachePolicy.parse("selective(keep=0.5, positions=compacted)");
    try (Engine engine = open(config(READER, compacted, original, own))) {
      // 480 of 512 tokens are left for what is kept: 15 chunks of 32, of 31 that are read.
      assertThat(engine.longestDocument(compacted, 20, 12, 1)).isEqualTo(30 * CHUNK);
      assertThat(
              score(engine, tokens(1, 30 * CHUNK), compacted, tokens(2, 20)).usage().keptTokens())
          .isEqualTo(500);
      // Two questions may keep twice as many, but for the ends that they share.
      assertThat(engine.longestDocument(compacted, 20, 12, 2)).isEqualTo(16 * CHUNK);
      assertThat(engine.longestDocument(compacted, 20, 12, 99)).isEqualTo(480);
      // The model itself reads no more than its length; elsewhere positions are the prompt's.
      assertThat(engine.longestDocument(own, 20, 12, 1)).isEqualTo(492);
      assertThat(engine.longestDocument(original, 20, 12, 1)).isEqualTo(480);
      assertThat(engine.longestDocument(CachePolicy.NONE, 20, 12, 1)).isEqualTo(480);
      assertThat(engine.longestDocument(compacted, 500, 20, 1)).isLessThan(1);
    }
  }

  private static void assertTooLong(
      Engine engine, CachePolicy policy, int documentTokens, String... parts) {
    assertThatThrownBy(() -> score(engine, tokens(1, documentTokens), policy, tokens(2, 20)))
        .cause()
        .isInstanceOf(DocumentException.class)
        .hasMessageContainingAll(parts);
  }

  @Test
  void whatCannotBeIsOneSentence() {
    CachePolicy policy = CachePolicy.parse("selective(reader=model, layers=5)");
    assertThatThrownBy(() -> open(config(READER, policy)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("layers is 5, but the reader model has 4");
    CachePolicy all = CachePolicy.parse("selective(reader=model)");
    assertThatThrownBy(() -> open(config(READER, all).readerModel(Optional.empty())))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("no second model is given");
    assertThatThrownBy(() -> open(config(READER, all).readerModel(Optional.of(Path.of("nowhere")))))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("nowhere");
    assertThatThrownBy(() -> open(config("mistral-window", all)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("none can say what matters");
    assertThatThrownBy(() -> open(config(READER, all).kvCacheBytes(200_000)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("of which cache_policy takes");
  }
}
