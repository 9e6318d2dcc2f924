package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.reader.SharedReading;
import dev.questspark.engine.reader.TokenChoice;
import dev.questspark.engine.stats.EngineReport;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Documents of which only chosen tokens are prefilled, on a small grouped-query checkpoint. */
class SelectivePrefillTest {
  private static final int VOCABULARY = 320;
  private static final ReadPolicy QUEST = ReadPolicy.parse("quest(budget=64, sink=16, recent=16)");
  private static final CachePolicy FIFTH = CachePolicy.parse("selective(keep=0.2, layers=2)");
  private static final CachePolicy FIFTH_COMPACTED =
      CachePolicy.parse("selective(keep=0.2, layers=2, positions=compacted)");
  private static final CachePolicy EACH =
      CachePolicy.parse("selective(keep=0.2, layers=3, chunk=16, union=false)");
  private static final CachePolicy WHOLE = CachePolicy.parse("selective(keep=1, layers=2)");
  private static final CachePolicy ALL_READ =
      CachePolicy.parse("selective(keep=1, layers=2, mass=0.9999999)");

  private static Path model(String name) {
    try {
      return Path.of(
              SelectivePrefillTest.class.getResource("/hf-models/" + name + "/config.json").toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static EngineConfig.Builder config() {
    return config("llama3-gqa");
  }

  private static EngineConfig.Builder config(String model) {
    return EngineConfig.builder(model(model))
        .dtype(ComputeDType.FLOAT32)
        .maxModelLen(1024)
        .maxNumSeqs(8)
        .maxNumBatchedTokens(512)
        .digestDType(DigestDType.CACHE)
        .pageScores(Set.of(PageScores.MEANSTD))
        .cachePolicies(Set.of(FIFTH, FIFTH_COMPACTED, EACH, WHOLE, ALL_READ))
        .threads(2);
  }

  private static Engine open(EngineConfig.Builder config) {
    return Engine.open(config.build(), new ByteTokenizer(), step -> {});
  }

  private static int[] tokens(long seed, int count) {
    return new Random(seed).ints(count, 3, VOCABULARY).toArray();
  }

  private static QuestionRequest question(long seed, int count, ReadPolicy policy, int maxTokens) {
    return new QuestionRequest(
        tokens(seed, count), policy, false, SamplingParams.greedy(maxTokens, List.of()));
  }

  private static List<Completion> join(List<CompletableFuture<Completion>> futures) {
    return futures.stream().map(CompletableFuture::join).toList();
  }

  private static List<QuestionRequest> questions() {
    return List.of(
        question(10, 7, QUEST, 12), question(11, 33, new Dense(), 9), question(12, 5, QUEST, 20));
  }

  private static List<Completion> ask(EngineConfig.Builder config, CachePolicy policy, int length) {
    try (Engine engine = open(config)) {
      return join(engine.submit(new DocumentRequest("d", tokens(1, length), policy, questions())));
    }
  }

  @Test
  void everythingKeptIsDenseAttentionToTheBit() {
    List<Completion> dense = ask(config(), CachePolicy.NONE, 500);
    for (CachePolicy policy : List.of(WHOLE, ALL_READ)) {
      List<Completion> kept = ask(config(), policy, 500);
      for (int i = 0; i < dense.size(); i++) {
        assertThat(kept.get(i).tokens()).isEqualTo(dense.get(i).tokens());
        assertThat(kept.get(i).reads()).isEqualTo(dense.get(i).reads());
        assertThat(kept.get(i).usage().keptTokens()).isEqualTo(kept.get(i).usage().promptTokens());
        assertThat(kept.get(i).usage().readTokens()).isEqualTo(policy == WHOLE ? 0 : 545);
      }
    }
  }

  @Test
  void aFifthIsReadOnceAndPrefilledOnce() {
    try (Engine engine = open(config())) {
      List<Completion> answers =
          join(engine.submit(new DocumentRequest("d", tokens(1, 900), FIFTH, questions())));
      Completion.Usage first = answers.get(0).usage();
      assertThat(first.promptTokens()).isEqualTo(907);
      assertThat(first.readTokens()).isEqualTo(945);
      assertThat(first.keptTokens() - 7).isBetween(6 * 32, 3 * 6 * 32);
      assertThat(answers.get(1).usage().cachedTokens()).isEqualTo(900);
      EngineReport report = engine.report();
      assertThat(report.work().prefillTokens()).isEqualTo(first.keptTokens() - 7);
      assertThat(answers.stream().map(answer -> answer.usage().computedTokens()))
          .containsExactly(first.keptTokens(), 33, 5);
      assertThat(report.reading().documents()).isEqualTo(1);
      assertThat(report.reading().tokens()).isEqualTo(945);
      assertThat(answers)
          .allSatisfy(
              answer -> {
                Completion.Timings timings = answer.timings();
                assertThat(timings.readingNanos()).isPositive();
                assertThat(timings.queueNanos() + timings.readingNanos() + timings.prefillNanos())
                    .isEqualTo(timings.ttftNanos());
              });
    }
  }

  /**
   * A mixed workload under several policies; what it answers, and what was kept for each answer.
   */
  private static List<List<Integer>> run(EngineConfig.Builder config, long[] preemptions) {
    List<CachePolicy> policies =
        List.of(FIFTH, CachePolicy.NONE, FIFTH_COMPACTED, EACH, ALL_READ, WHOLE);
    Random random = new Random(5);
    try (Engine engine = open(config)) {
      List<CompletableFuture<Completion>> futures = new ArrayList<>();
      for (int d = 0; d < 12; d++) {
        List<QuestionRequest> questions = new ArrayList<>();
        for (int q = 0; q <= random.nextInt(4); q++) {
          questions.add(
              question(
                  100L * d + q,
                  1 + random.nextInt(40),
                  random.nextBoolean() ? QUEST : new Dense(),
                  1 + random.nextInt(40)));
        }
        int[] text = d == 3 ? new int[0] : tokens(d, 1 + random.nextInt(500));
        futures.addAll(
            engine.submit(
                new DocumentRequest(
                    "d" + d,
                    text,
                    policies.get(d % policies.size()),
                    questions,
                    TokenChoice.behind(Math.min(text.length, d))
                        .withAskingTail(d % 5 == 4 ? 32 : 0))));
      }
      List<List<Integer>> answers = new ArrayList<>();
      for (Completion completion : join(futures)) {
        List<Integer> answer = new ArrayList<>(completion.tokens());
        answer.add(completion.usage().keptTokens());
        answer.add(completion.usage().readTokens());
        answers.add(answer);
      }
      preemptions[0] += engine.report().work().preemptions();
      return answers;
    }
  }

  @Test
  void answersDependOnNeitherBatchLimitsNorPreemption() {
    long[] preemptions = new long[1];
    List<List<Integer>> expected = run(config().maxNumSeqs(1).maxModelLen(640), preemptions);
    assertThat(run(config().maxModelLen(640), preemptions)).isEqualTo(expected);
    assertThat(run(config().maxNumSeqs(3).maxNumBatchedTokens(37).maxModelLen(640), preemptions))
        .isEqualTo(expected);
    assertThat(run(config().readingDocuments(3).maxModelLen(640), preemptions)).isEqualTo(expected);
    assertThat(preemptions[0]).isZero();
    // 41 pages of 16 tokens: 4 layers x 2 KV heads x 16 channels x 4 bytes with a digest pair
    long pages = 42L * 4 * 2 * 16 * 4 * (2 * 16 + 2);
    // and a reader of 3 layers for 640 tokens: 41 pages, and 3 x 8 heads x 640 sums
    long reader = 41L * 3 * 2 * 16 * 4 * 2 * 16 + 3L * 8 * 640 * 4;
    assertThat(
            run(
                config().maxModelLen(640).overcommit(true).kvCacheBytes(pages + reader),
                preemptions))
        .isEqualTo(expected);
    assertThat(preemptions[0]).as("the tight cache must have preempted something").isPositive();
  }

  @Test
  void questionsOfADocumentThatAreNotAskedCountInItsUnion() {
    int[] text = tokens(1, 700);
    List<QuestionRequest> all = questions();
    try (Engine engine = open(config())) {
      List<Completion> together = join(engine.submit(new DocumentRequest("d", text, FIFTH, all)));
      for (int i = 0; i < all.size(); i++) {
        List<int[]> unasked = new ArrayList<>();
        for (int j = 0; j < all.size(); j++) {
          if (j != i) {
            unasked.add(all.get(j).tokens());
          }
        }
        Completion alone =
            join(engine.submit(
                    new DocumentRequest(
                        "d",
                        text,
                        FIFTH,
                        List.of(all.get(i)),
                        TokenChoice.PLAIN.withUnasked(unasked))))
                .get(0);
        assertThat(alone.tokens()).isEqualTo(together.get(i).tokens());
        assertThat(alone.usage().keptTokens()).isEqualTo(together.get(i).usage().keptTokens());
      }
      List<int[]> unknown = List.of(all.get(1).tokens(), new int[] {4, VOCABULARY + 1, 5});
      List<QuestionRequest> two = all.subList(0, 2);
      Completion beside =
          join(engine.submit(
                  new DocumentRequest(
                      "d",
                      text,
                      FIFTH,
                      List.of(all.get(0)),
                      TokenChoice.PLAIN.withUnasked(unknown))))
              .get(0);
      assertThat(beside.usage())
          .as("a question with an unknown token is answered nowhere")
          .isEqualTo(
              join(engine.submit(new DocumentRequest("d", text, FIFTH, two))).get(0).usage());
      Completion own =
          join(engine.submit(new DocumentRequest("d", text, FIFTH, all.subList(0, 1)))).get(0);
      assertThat(own.usage().keptTokens()).isLessThan(together.get(0).usage().keptTokens());
    }
  }

  /** Policies that differ in what they keep, and in how many layers choose it. */
  @Test
  void oneReadingServesEveryShareAndFewerLayers() {
    int[] text = tokens(1, 700);
    List<CachePolicy> policies =
        List.of(EACH, FIFTH, FIFTH_COMPACTED, CachePolicy.parse("selective(keep=0.4, layers=1)"));
    EngineConfig.Builder config = config().cachePolicies(Set.copyOf(policies));
    SharedReading shared = new SharedReading(selections(policies));
    TokenChoice choice = TokenChoice.behind(3);
    try (Engine engine = open(config)) {
      for (CachePolicy policy : List.of(FIFTH, EACH, policies.get(3), FIFTH_COMPACTED)) {
        List<Completion> own =
            join(engine.submit(new DocumentRequest("d", text, policy, questions(), choice)));
        long read = engine.report().reading().tokens();
        List<Completion> sharing =
            join(
                engine.submit(
                    new DocumentRequest(
                        "d", text, policy, questions(), choice.withReading(shared))));
        assertThat(engine.report().reading().tokens() - read)
            .as("only the first that shares reads, with the layers of all")
            .isEqualTo(policy == FIFTH ? 745 : 0);
        for (int i = 0; i < own.size(); i++) {
          assertThat(sharing.get(i).tokens()).isEqualTo(own.get(i).tokens());
          assertThat(sharing.get(i).usage()).isEqualTo(own.get(i).usage());
        }
      }
      CachePolicy another = policies.get(3);
      QuestionRequest unknown = question(77, 9, QUEST, 3);
      long read = engine.report().reading().tokens();
      join(
          engine.submit(
              new DocumentRequest(
                  "d", text, another, List.of(unknown), choice.withReading(shared))));
      assertThat(engine.report().reading().tokens() - read).isEqualTo(709);
    }
  }

  /**
   * With positions counted anew the whole model sees a document of the kept tokens and nothing
   * else, so every other part of the policy must do to it what it does to such a document.
   */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "a_shape(sink=32, recent=64, segment=64, block=32)",
        "sampled(budget=64, segment=64)",
        "keep_all",
        "int8(whole=32)",
        "streaming_llm(sink=16, recent=48)",
        "kvzip(keep=0.5)",
      })
  void otherPartsActOnWhatIsKept(String part) {
    int[] text = tokens(1, 700);
    CachePolicy other = CachePolicy.parse(part);
    CachePolicy both = CachePolicy.parse(part + " + " + FIFTH_COMPACTED.text());
    TokenSelection selection = both.part(TokenSelection.class).orElseThrow();
    SharedReading reading = new SharedReading(List.of(selection));
    QuestionRequest asked = QuestionRequest.scoring(tokens(10, 9), new Dense(), tokens(11, 10));
    EngineConfig.Builder config =
        config("qwen3-qknorm").maxNumBatchedTokens(600).cachePolicies(Set.of(other, both));
    try (Engine engine = open(config)) {
      Completion found =
          join(engine.submit(
                  new DocumentRequest(
                      "d", text, both, List.of(asked), TokenChoice.PLAIN.withReading(reading))))
              .get(0);
      float[] most = reading.find(text, asked.tokens(), selection).orElseThrow().most(2, 0);
      int[] kept = selection.kept(most, 0).stream().map(token -> text[token]).toArray();
      Completion expected =
          join(engine.submit(new DocumentRequest("d", kept, other, List.of(asked)))).get(0);
      assertThat(found.logProbs()).isEqualTo(expected.logProbs());
      assertThat(found.prefill()).isEqualTo(expected.prefill());
      assertThat(found.usage().keptTokens()).isEqualTo(kept.length + 9).isLessThan(300);
    }
  }

  private static List<TokenSelection> selections(List<CachePolicy> policies) {
    return policies.stream()
        .map(policy -> policy.part(TokenSelection.class).orElseThrow())
        .toList();
  }

  @Test
  void whatATemplatePutsBehindAQuestionNeedNotAsk() {
    int[] text = tokens(1, 700);
    CachePolicy policy = CachePolicy.parse("selective(keep=0.2, layers=2, rows=question)");
    int[] closing = {5, 6, 7};
    int[] bare = tokens(10, 7);
    int[] closed = IntStream.concat(IntStream.of(bare), IntStream.of(closing)).toArray();
    try (Engine engine = open(config().cachePolicies(Set.of(policy, FIFTH)))) {
      TokenChoice choice = TokenChoice.PLAIN.withClosing(closing);
      assertThat(usage(engine, text, policy, closed, choice).readTokens()).isEqualTo(707);
      assertThat(usage(engine, text, FIFTH, closed, choice).readTokens()).isEqualTo(710);
      assertThat(usage(engine, text, policy, bare, choice).readTokens()).isEqualTo(707);
      assertThat(usage(engine, text, policy, closing, choice).readTokens())
          .as("of nothing else all rows ask")
          .isEqualTo(703);
    }
  }

  private static Completion.Usage usage(
      Engine engine, int[] text, CachePolicy policy, int[] question, TokenChoice choice) {
    QuestionRequest asked =
        new QuestionRequest(question, QUEST, false, SamplingParams.greedy(2, List.of()));
    return engine
        .submit(new DocumentRequest("d", text, policy, List.of(asked), choice))
        .get(0)
        .join()
        .usage();
  }

  @Test
  void compactedPositionsGiveRoomToTheAnswerOfALongPrompt() {
    int[] text = tokens(1, 1000);
    QuestionRequest fits = question(2, 20, QUEST, 600);
    try (Engine engine = open(config())) {
      Completion answer =
          join(engine.submit(new DocumentRequest("d", text, FIFTH_COMPACTED, List.of(fits))))
              .get(0);
      assertThat(answer.usage().completionTokens()).isEqualTo(600);
      assertTooLong(engine, text, FIFTH, fits, "1000", "max_tokens 600 = 1620", "1024");
      assertTooLong(engine, text, FIFTH_COMPACTED, question(2, 20, QUEST, 900), "kept", "900");
      assertTooLong(
          engine, tokens(1, 1010), FIFTH_COMPACTED, fits, "1010", "max_model_len is 1024");
    }
  }

  private static void assertTooLong(
      Engine engine, int[] text, CachePolicy policy, QuestionRequest question, String... numbers) {
    assertThatThrownBy(
            () ->
                engine
                    .submit(new DocumentRequest("d", text, policy, List.of(question)))
                    .get(0)
                    .join())
        .isInstanceOf(CompletionException.class)
        .cause()
        .isInstanceOfSatisfying(
            DocumentException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.TOO_LONG))
        .hasMessageContainingAll(numbers);
  }

  @Test
  void aCancelledDocumentIsForgottenWhereverItIs() {
    try (Engine engine = open(config().maxNumBatchedTokens(16))) {
      List<List<CompletableFuture<Completion>>> futures =
          IntStream.range(0, 5)
              .mapToObj(
                  i ->
                      engine.submit(
                          new DocumentRequest("d" + i, tokens(i, 600), FIFTH, questions())))
              .toList();
      for (int i : new int[] {0, 3}) {
        futures.get(i).forEach(future -> future.cancel(false));
      }
      futures.get(2).get(0).cancel(false);
      assertThat(join(futures.get(1))).hasSize(3);
      assertThat(join(futures.get(2).subList(1, 3))).hasSize(2);
      assertThat(join(futures.get(4))).hasSize(3);
      assertThat(join(engine.submit(new DocumentRequest("e", tokens(4, 600), FIFTH, questions()))))
          .extracting(Completion::tokens)
          .isEqualTo(futures.get(4).stream().map(future -> future.join().tokens()).toList());
    }
  }

  @Test
  void whatCannotBeIsOneSentence() {
    try (Engine engine = open(config())) {
      CachePolicy tooMany = CachePolicy.parse("selective(layers=5)");
      assertRefused(engine, tooMany, "layers is 5, but the model has 4");
      CachePolicy unplanned = CachePolicy.parse("selective(layers=4)");
      assertRefused(engine, unplanned, "layers=4", "the engine was opened with");
    }
    EngineConfig.Builder windowed =
        EngineConfig.builder(model("mistral-window"))
            .dtype(ComputeDType.FLOAT32)
            .maxModelLen(512)
            .cachePolicies(Set.of(FIFTH));
    assertThatThrownBy(() -> open(windowed))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("first 2 layers", "none can say what matters");
  }

  private static void assertRefused(Engine engine, CachePolicy policy, String... parts) {
    assertThatThrownBy(
            () -> engine.submit(new DocumentRequest("d", tokens(1, 100), policy, questions())))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll(parts);
  }
}
