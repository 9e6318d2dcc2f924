package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.SinkRecent;
import dev.questspark.engine.policy.SkipLayers;
import dev.questspark.engine.stats.EngineReport;
import dev.questspark.engine.study.SelectionStudy;
import dev.questspark.engine.study.WatchedRequests;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;

/** The engine as its callers see it, on a small grouped-query checkpoint. */
class EngineTest {
  private static final PageShape SHAPE = new PageShape(16, 16);

  private static final int VOCABULARY = 320;
  private static final ReadPolicy QUEST = ReadPolicy.parse("quest(budget=64, sink=16, recent=16)");
  private static final ReadPolicy MEANSTD =
      new SkipLayers(1, ReadPolicy.parse("quest(budget=64, score=meanstd, reduction=sum, sink=0)"));
  private static final ReadPolicy SINK_RECENT = new SinkRecent(64, 16);

  private static EngineConfig config(
      int maxNumSeqs, int maxRows, long kvBytes, boolean overcommit) {
    return config(1024, maxNumSeqs, maxRows, kvBytes, overcommit);
  }

  private static EngineConfig config(
      int maxModelLen, int maxNumSeqs, int maxRows, long kvBytes, boolean overcommit) {
    try {
      return EngineConfig.builder(
              Path.of(EngineTest.class.getResource("/hf-models/llama3-gqa/config.json").toURI())
                  .getParent())
          .dtype(ComputeDType.FLOAT32)
          .maxModelLen(maxModelLen)
          .maxNumSeqs(maxNumSeqs)
          .maxNumBatchedTokens(maxRows)
          .kvCacheBytes(kvBytes)
          .digestDType(DigestDType.CACHE)
          .pageScores(Set.of(PageScores.MINMAX, PageScores.MEANSTD))
          .threads(2)
          .overcommit(overcommit)
          .build();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static Engine open(EngineConfig config) {
    return Engine.open(config, new ByteTokenizer(), step -> {});
  }

  private static int[] tokens(long seed, int count) {
    return new Random(seed).ints(count, 3, VOCABULARY).toArray();
  }

  private static QuestionRequest question(
      long seed, int count, ReadPolicy selector, int maxTokens) {
    return new QuestionRequest(
        tokens(seed, count), selector, false, SamplingParams.greedy(maxTokens, List.of()));
  }

  private static QuestionRequest sampled(long seed, int count, ReadPolicy selector, int maxTokens) {
    return new QuestionRequest(
        tokens(seed, count),
        selector,
        seed % 2 == 0,
        SamplingParams.builder(maxTokens)
            .temperature(0.8f)
            .topP(0.95f)
            .topK(50)
            .minP(0.01f)
            .repetitionPenalty(1.1f)
            .seed(seed)
            .stopTokenIds(List.of(1))
            .build());
  }

  private static List<Completion> join(List<CompletableFuture<Completion>> futures) {
    return futures.stream().map(CompletableFuture::join).toList();
  }

  private static List<List<Integer>> answers(List<Completion> completions) {
    return completions.stream().map(Completion::tokens).toList();
  }

  @Test
  void fiveQuestionsCostOnePrefillAndAnswerAsFiveRuns() {
    int[] document = tokens(1, 389);
    List<QuestionRequest> questions = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      questions.add(question(10 + i, 7 + i, i % 2 == 0 ? QUEST : new Dense(), 12));
    }
    List<Completion> together;
    try (Engine engine = open(config(8, 128, 0, false))) {
      together = join(engine.submit(new DocumentRequest("d", document, questions)));
      EngineReport report = engine.report();
      assertThat(report.work().documents()).isEqualTo(1);
      assertThat(report.work().prefillTokens()).isEqualTo(document.length);
    }
    assertThat(together.stream().map(c -> c.usage().cachedTokens()))
        .containsExactly(0, 389, 389, 389, 389);
    for (int i = 0; i < questions.size(); i++) {
      try (Engine engine = open(config(1, 61, 0, false))) {
        Completion alone =
            join(engine.submit(new DocumentRequest("d", document, List.of(questions.get(i)))))
                .get(0);
        assertThat(alone.tokens()).isEqualTo(together.get(i).tokens());
        assertThat(alone.reads()).isEqualTo(together.get(i).reads());
      }
    }
  }

  /**
   * A mixed workload: ragged documents, every selector, greedy and sampled, sparse and dense
   * questions.
   */
  private static List<DocumentRequest> workload() {
    Random random = new Random(5);
    List<ReadPolicy> selectors = List.of(new Dense(), QUEST, MEANSTD, SINK_RECENT);
    List<DocumentRequest> documents = new ArrayList<>();
    for (int d = 0; d < 9; d++) {
      List<QuestionRequest> questions = new ArrayList<>();
      for (int q = 0; q <= random.nextInt(4); q++) {
        long seed = 100L * d + q;
        ReadPolicy selector = selectors.get(random.nextInt(selectors.size()));
        int count = 1 + random.nextInt(20);
        int maxTokens = 1 + random.nextInt(70);
        questions.add(
            random.nextBoolean()
                ? question(seed, count, selector, maxTokens)
                : sampled(seed, count, selector, maxTokens));
      }
      int[] document = d == 3 ? new int[0] : tokens(d, 1 + random.nextInt(500));
      documents.add(new DocumentRequest("d" + d, document, questions));
    }
    return documents;
  }

  private static List<List<Integer>> run(EngineConfig config, long[] preemptions) {
    try (Engine engine = open(config)) {
      List<CompletableFuture<Completion>> futures = new ArrayList<>();
      for (DocumentRequest document : workload()) {
        futures.addAll(engine.submit(document));
      }
      List<List<Integer>> answers = answers(join(futures));
      preemptions[0] += engine.report().work().preemptions();
      return answers;
    }
  }

  @Test
  void answersDependOnNeitherBatchLimitsNorPreemption() {
    long[] preemptions = new long[1];
    List<List<Integer>> expected = run(config(1, 1024, 0, false), preemptions);
    assertThat(run(config(8, 2048, 0, false), preemptions)).isEqualTo(expected);
    assertThat(run(config(3, 37, 0, false), preemptions)).isEqualTo(expected);
    assertThat(preemptions[0]).isZero();
    // 4 layers x 2 KV heads x 16 channels x 4 bytes: 41 pages of 16 tokens with two digest pairs
    long tight = 42L * 4 * 2 * 16 * 4 * (2 * 16 + 4);
    assertThat(run(config(640, 8, 256, tight, true), preemptions)).isEqualTo(expected);
    assertThat(preemptions[0]).as("the tight cache must have preempted something").isPositive();
  }

  @Test
  void aQuestionThatCannotFitFailsAloneWithNumbers() {
    try (Engine engine = open(config(4, 512, 0, false))) {
      List<CompletableFuture<Completion>> futures =
          engine.submit(
              new DocumentRequest(
                  "d",
                  tokens(1, 900),
                  List.of(question(1, 10, QUEST, 10), question(2, 100, QUEST, 100))));
      assertThat(futures.get(0).join().usage().completionTokens()).isEqualTo(10);
      assertThatThrownBy(() -> futures.get(1).join())
          .isInstanceOf(CompletionException.class)
          .cause()
          .isInstanceOfSatisfying(
              DocumentException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.TOO_LONG))
          .hasMessageContainingAll("900", "100", "1100", "max_model_len is 1024");
    }
  }

  @Test
  void impossibleConfigurationsAreOneSentence() {
    assertThatThrownBy(() -> open(config(4, 512, 100_000, false)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll(
            "max_model_len 1024", "64 KV pages", "kv_cache_memory_bytes is 100000");
    try (Engine engine = open(config(4, 512, 0, false))) {
      ReadPolicy tooSmall = ReadPolicy.parse("quest(budget=32, sink=16, recent=64)");
      assertThatThrownBy(
              () ->
                  engine.submit(
                      new DocumentRequest("d", tokens(1, 9), List.of(question(1, 3, tooSmall, 3)))))
          .isInstanceOf(ConfigException.class)
          .hasMessageContainingAll("kv_budget 32", "raise kv_budget to 96");
    }
  }

  @Test
  void closingFailsWhatIsUnfinished() {
    Engine engine = open(config(4, 512, 0, false));
    List<CompletableFuture<Completion>> futures =
        engine.submit(
            new DocumentRequest("d", tokens(1, 700), List.of(question(1, 10, QUEST, 300))));
    engine.close();
    engine.close();
    assertThat(futures.get(0).isDone()).isTrue();
    assertThatThrownBy(
            () ->
                engine
                    .submit(
                        new DocumentRequest("d", tokens(1, 7), List.of(question(1, 1, QUEST, 3))))
                    .get(0)
                    .join())
        .isInstanceOf(CancellationException.class);
  }

  @Test
  void aStudyAnswersDenselyAndSeesEveryRowOfEveryLayerOnce() {
    int[] document = tokens(1, 300);
    QuestionRequest plain = question(2, 6, new Dense(), 9);
    SelectionStudy study =
        new SelectionStudy(List.of(QUEST, MEANSTD, SINK_RECENT), SHAPE, 0, Integer.MAX_VALUE);
    WatchedRequests watched = new WatchedRequests();
    QuestionRequest studied = question(2, 6, new Dense(), 9);
    watched.add(studied, study);
    try (Engine engine =
        Engine.open(config(4, 128, 0, false), new ByteTokenizer(), step -> {}, watched)) {
      List<Completion> answers =
          join(
              engine.submit(
                  new DocumentRequest(
                      "d", document, List.of(plain, studied, question(3, 5, new Dense(), 7)))));
      assertThat(answers.get(1).tokens()).isEqualTo(answers.get(0).tokens());
      assertThat(answers.get(1).reads().tokensAttended())
          .isEqualTo(answers.get(0).reads().tokensAttended());
      int rows = 6 + answers.get(1).tokens().size() - 1;
      assertThat(study.findings())
          .hasSize(3 * engine.model().layers() * engine.model().heads())
          .allSatisfy(
              finding -> {
                assertThat(finding.rows()).isEqualTo(rows);
                assertThat(finding.attentionMass()).isStrictlyBetween(0.0, 1.0);
                assertThat(finding.topTokenRecall()).isBetween(0.0, 1.0);
              });
    }
    ReadPolicy noRoom = ReadPolicy.parse("quest(budget=16, sink=16, recent=16)");
    assertThatThrownBy(() -> new SelectionStudy(List.of(noRoom), SHAPE, 0, 1))
        .hasMessageContaining("raise kv_budget to 48");
  }
}
