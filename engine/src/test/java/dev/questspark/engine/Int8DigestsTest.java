package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.study.SelectionStudy;
import dev.questspark.engine.study.WatchedRequests;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** The engine with {@code digest_dtype int8}, on a small grouped-query checkpoint. */
class Int8DigestsTest {
  private static final ReadPolicy QUEST = quest(64, PageScores.MINMAX, GroupReduction.MAX);
  private static final ReadPolicy MEANSTD = quest(64, PageScores.MEANSTD, GroupReduction.SUM);

  private static ReadPolicy quest(int budget, PageScore score, GroupReduction reduction) {
    return ReadPolicy.parse(
        "quest(budget=" + budget + ", score=" + score + ", reduction=" + reduction + ", sink=16)");
  }

  private static EngineConfig config(String digestDType) {
    return config(digestDType, 1024, 8, 512, 0);
  }

  private static EngineConfig config(
      String digestDType, int maxModelLen, int maxNumSeqs, int maxRows, long kvBytes) {
    try {
      return EngineConfig.builder(
              Path.of(
                      Int8DigestsTest.class
                          .getResource("/hf-models/llama3-gqa/config.json")
                          .toURI())
                  .getParent())
          .dtype(ComputeDType.FLOAT32)
          .maxModelLen(maxModelLen)
          .maxNumSeqs(maxNumSeqs)
          .maxNumBatchedTokens(maxRows)
          .kvCacheBytes(kvBytes)
          .pageScores(Set.of(PageScores.MINMAX, PageScores.MEANSTD))
          .digestDType(DigestDType.parse(digestDType))
          .digestBlockSize(8)
          .threads(2)
          .overcommit(kvBytes > 0)
          .build();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static Engine open(EngineConfig config) {
    return Engine.open(config, new ByteTokenizer(), step -> {});
  }

  private static int[] tokens(long seed, int count) {
    return new Random(seed).ints(count, 3, 320).toArray();
  }

  private static QuestionRequest question(ReadPolicy selector, int maxTokens) {
    return new QuestionRequest(
        tokens(7, 9), selector, false, SamplingParams.greedy(maxTokens, List.of()));
  }

  private static List<Completion> answers(Engine engine, int document, ReadPolicy... selectors) {
    List<QuestionRequest> questions = new ArrayList<>();
    for (ReadPolicy selector : selectors) {
      questions.add(question(selector, 60));
    }
    return engine.submit(new DocumentRequest("d", tokens(2, document), questions)).stream()
        .map(CompletableFuture::join)
        .toList();
  }

  @Test
  void denseAnswersAndBudgetsThatCoverTheContextAreThoseWithoutInt8() {
    Completion dense;
    try (Engine engine = open(config("cache"))) {
      dense = answers(engine, 500, new Dense()).get(0);
    }
    try (Engine engine = open(config("int8"))) {
      List<Completion> all =
          answers(
              engine,
              500,
              new Dense(),
              quest(1024, PageScores.MINMAX, GroupReduction.MAX),
              quest(1024, PageScores.MEANSTD, GroupReduction.SUM));
      for (Completion completion : all) {
        assertThat(completion.tokens()).isEqualTo(dense.tokens()).hasSize(60);
        assertThat(completion.reads().bytesRead()).isEqualTo(dense.reads().bytesRead());
      }
    }
  }

  @Test
  void digestsAreCountedWithTheBytesTheyHave() {
    int layers = 4;
    int kvHeads = 2;
    int vectorBytes = 16 * 4;
    int digestBytes = 48; // 2 x 16 integers, 2 exponents, up to whole 16 bytes; in f32 it is 128
    try (Engine engine = open(config("int8"))) {
      for (Completion completion : answers(engine, 700, QUEST, MEANSTD)) {
        long expected = 0;
        for (int i = 0; i < completion.tokens().size() - 1; i++) {
          int context = 700 + 9 + i + 1;
          int fullBlocks = (context - 1) / 8; // before the current one
          int attended = 64 - 8 + context - 8 * fullBlocks;
          expected += (long) fullBlocks * digestBytes + 2L * attended * vectorBytes;
        }
        assertThat(completion.reads().bytesRead()).isEqualTo(expected * layers * kvHeads);
      }
      int pages = engine.report().setup().kvPages() + 1; // the null page
      long pageBytes = 2L * 16 * vectorBytes + 2 * 2 * digestBytes;
      assertThat(engine.report().memory().kvCacheBytes())
          .isEqualTo(pages * pageBytes * layers * kvHeads);
    }
  }

  @Test
  void answersDependOnNeitherChunksNorPreemption() {
    List<List<Integer>> expected = run(config("int8", 1024, 1, 1024, 0), false);
    assertThat(run(config("int8", 1024, 8, 37, 0), false)).isEqualTo(expected);
    // 4 layers x 2 KV heads, 41 pages of 16 keys and values of 16 floats, two pairs of 48 bytes
    // for each of two blocks
    long tight = 42L * 4 * 2 * (2 * 16 * 16 * 4 + 2 * 2 * 48);
    assertThat(run(config("int8", 640, 8, 64, tight), true)).isEqualTo(expected);
  }

  private static List<List<Integer>> run(EngineConfig config, boolean preempts) {
    try (Engine engine = open(config)) {
      List<CompletableFuture<Completion>> futures = new ArrayList<>();
      for (int d = 0; d < 4; d++) {
        List<QuestionRequest> questions =
            List.of(question(QUEST, 50), question(MEANSTD, 50), question(QUEST, 20));
        DocumentRequest request = new DocumentRequest("d" + d, tokens(d, 200 + 83 * d), questions);
        futures.addAll(engine.submit(request));
      }
      List<List<Integer>> answers = futures.stream().map(f -> f.join().tokens()).toList();
      assertThat(engine.report().work().preemptions() > 0).isEqualTo(preempts);
      return answers;
    }
  }

  /** Rounding moves scores a little; the pages chosen hold as much of the attention. */
  @Test
  void theChosenPagesHoldAboutAsMuchAttention() {
    for (ReadPolicy selector : List.of(QUEST, MEANSTD)) {
      double[] exact = studied("cache", selector);
      double[] rounded = studied("int8", selector);
      System.out.printf(
          "%s: attention mass %.4f, with 8-bit digests %.4f; top-token recall %.4f, %.4f%n",
          selector.label(), exact[0], rounded[0], exact[1], rounded[1]);
      assertThat(rounded[0]).isGreaterThan(exact[0] - 0.02);
      assertThat(rounded[1]).isGreaterThan(exact[1] - 0.05);
    }
  }

  /** Mean attention mass and top-token recall over all rows, layers and heads. */
  private static double[] studied(String digestDType, ReadPolicy selector) {
    SelectionStudy study =
        new SelectionStudy(List.of(selector), new PageShape(16, 8), 0, Integer.MAX_VALUE);
    WatchedRequests watched = new WatchedRequests();
    SamplingParams sampling = SamplingParams.greedy(40, List.of());
    try (Engine engine =
        Engine.open(config(digestDType), new ByteTokenizer(), step -> {}, watched)) {
      QuestionRequest question = new QuestionRequest(tokens(7, 9), new Dense(), false, sampling);
      watched.add(question, study);
      engine.submit(new DocumentRequest("d", tokens(2, 600), List.of(question))).get(0).join();
    }
    return new double[] {
      study.findings().stream()
          .mapToDouble(SelectionStudy.Finding::attentionMass)
          .average()
          .orElseThrow(),
      study.findings().stream()
          .mapToDouble(SelectionStudy.Finding::topTokenRecall)
          .average()
          .orElseThrow()
    };
  }

  @Test
  void whatCannotBeIsOneSentence() {
    assertThatThrownBy(() -> EnginePlan.digestDType(config("int8"), 40, DType.F32))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("16 channels", "head_dim of 40", "use digest_dtype auto");
  }
}
