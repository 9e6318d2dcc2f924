package dev.questspark.engine.prefix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Documents compressed once they are prefilled, on a small grouped-query checkpoint. */
class PrefixEngineTest {
  private static final int VOCABULARY = 320;
  private static final ReadPolicy QUEST = ReadPolicy.parse("quest(budget=64, sink=16, recent=16)");
  private static final ReadPolicy ALL = ReadPolicy.parse("quest(budget=1024, sink=16, recent=16)");
  private static final CachePolicy KEEP_ALL = CachePolicy.parse("keep_all");
  private static final CachePolicy INT4 = CachePolicy.parse("int4");
  private static final Set<CachePolicy> POLICIES =
      Set.of(
          KEEP_ALL,
          INT4,
          CachePolicy.parse("int8(whole=40)"),
          CachePolicy.parse("k4v2"),
          CachePolicy.parse("a_shape(segment=64) + int2"));

  private static Path model(String name) {
    try {
      return Path.of(
              PrefixEngineTest.class.getResource("/hf-models/" + name + "/config.json").toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static EngineConfig.Builder config() {
    return EngineConfig.builder(model("qwen3-qknorm"))
        .dtype(ComputeDType.FLOAT32)
        .maxModelLen(640)
        .maxNumSeqs(8)
        .maxNumBatchedTokens(512)
        .digestDType(DigestDType.CACHE)
        .pageScores(Set.of(PageScores.MEANSTD))
        .cachePolicies(POLICIES)
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

  private static QuestionRequest scored(long seed, int count, ReadPolicy policy) {
    return QuestionRequest.scoring(tokens(seed, count), policy, tokens(seed + 1, 40));
  }

  private static List<Completion> join(List<CompletableFuture<Completion>> futures) {
    return futures.stream().map(CompletableFuture::join).toList();
  }

  private static List<Completion> ask(
      EngineConfig.Builder config, CachePolicy policy, int length, QuestionRequest... questions) {
    try (Engine engine = open(config)) {
      return join(
          engine.submit(new DocumentRequest("d", tokens(1, length), policy, List.of(questions))));
    }
  }

  private static double meanDifference(Completion a, Completion b) {
    double sum = 0;
    for (int i = 0; i < a.logProbs().size(); i++) {
      sum += Math.abs(a.logProbs().get(i) - b.logProbs().get(i));
    }
    return sum / a.logProbs().size();
  }

  @Test
  void everythingKeptIsTheSameToRounding() {
    for (int length : new int[] {500, 31, 32, 33, 0}) {
      Completion dense = ask(config(), CachePolicy.NONE, length, scored(3, 9, new Dense())).get(0);
      Completion kept = ask(config(), KEEP_ALL, length, scored(3, 9, new Dense())).get(0);
      assertThat(meanDifference(dense, kept)).isLessThan(2e-5);
      assertThat(kept.reads().tokensAttended()).isEqualTo(dense.reads().tokensAttended());
      assertThat(kept.reads().bytesRead()).isEqualTo(dense.reads().bytesRead());
      assertThat(kept.reads().bytesDense()).isEqualTo(dense.reads().bytesDense());
      assertThat(kept.reads().denseSteps()).isEqualTo(39);
    }
  }

  @Test
  void fewerBitsAreFartherFromDense() {
    QuestionRequest question = scored(3, 9, new Dense());
    Completion dense = ask(config(), CachePolicy.NONE, 580, question).get(0);
    double before = 0;
    for (String format : List.of("keep_all", "int8", "int4", "k4v2", "int2")) {
      CachePolicy policy = CachePolicy.parse(format);
      EngineConfig.Builder config = config().cachePolicies(Set.of(policy));
      double off = meanDifference(dense, ask(config, policy, 580, question).get(0));
      assertThat(off).as(format).isGreaterThan(before);
      before = off;
    }
    assertThat(before).isLessThan(1);
  }

  /** 544 of the 580 tokens are in the store: the last 32 stay, and so does what fills no page. */
  @Test
  void whatIsReadIsWhatIsStored() {
    EngineConfig.Builder config = config().cachePolicies(Set.of(INT4));
    Completion answer = ask(config, INT4, 580, scored(3, 9, new Dense())).get(0);
    long dense = 0;
    long read = 0;
    for (int decoded = 1; decoded < 40; decoded++) {
      int live = 580 - 544 + 9 + decoded;
      dense += 4 * 2 * 2 * 32 * 4L * (544 + live);
      read += 4 * 2 * (2 * 32 * 4L * live + 544 * 32 * (4 / 4 + 8.0 / 32));
    }
    assertThat(answer.reads().bytesDense()).isEqualTo(dense);
    assertThat(answer.reads().bytesRead()).isEqualTo(read);
  }

  /** Whole pages, with a digest pair of 32-bit numbers for every 16 tokens. */
  @ParameterizedTest
  @CsvSource({
    "none, 37, 0",
    "keep_all, 1, 256",
    "int8(whole=40), 5, 72",
    "int4, 3, 40",
    "k4v2, 3, 32"
  })
  void whatIsHeldIsWhatIsStored(String text, int livePages, double tokenBytes) {
    CachePolicy policy = CachePolicy.parse(text);
    EngineConfig.Builder config = config().cachePolicies(Set.of(policy));
    long held = ask(config, policy, 577, question(2, 5, QUEST, 2)).get(0).prefill().storedBytes();
    int prefix = livePages == 37 ? 0 : 592 - 16 * livePages;
    double digests = 2 * 32 * 4 / 16.0;
    assertThat((double) held)
        .isEqualTo(4 * 2 * (livePages * 16 * (256 + digests) + prefix * (tokenBytes + digests)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"keep_all", "int4", "a_shape(segment=64) + int2"})
  void aBudgetAboveTheContextIsDenseToTheBit(String text) {
    CachePolicy policy = CachePolicy.parse(text);
    List<Completion> answers =
        ask(
            config(),
            policy,
            560,
            scored(3, 9, new Dense()),
            scored(3, 9, ALL),
            scored(3, 9, QUEST));
    assertThat(answers.get(1).logProbs()).isEqualTo(answers.get(0).logProbs());
    assertThat(answers.get(2).logProbs()).isNotEqualTo(answers.get(0).logProbs());
    assertThat(answers.get(1).reads()).isEqualTo(answers.get(0).reads());
    assertThat(answers.get(2).reads().sparseSteps()).isEqualTo(39);
    // The live tokens count against the budget, and the prefix has at least its sinks.
    assertThat(answers.get(2).reads().tokensAttendedMean(4 * 2)).isBetween(60.0, 125.0);
  }

  /** A mixed workload under all policies. */
  private static List<List<Integer>> run(EngineConfig.Builder config, long[] preemptions) {
    List<CachePolicy> policies =
        Stream.concat(
                Stream.of(CachePolicy.NONE),
                POLICIES.stream().sorted((a, b) -> a.text().compareTo(b.text())))
            .toList();
    Random random = new Random(5);
    try (Engine engine = open(config)) {
      List<CompletableFuture<Completion>> futures = new ArrayList<>();
      for (int d = 0; d < 12; d++) {
        List<QuestionRequest> questions = new ArrayList<>();
        for (int q = 0; q <= random.nextInt(8); q++) {
          questions.add(
              new QuestionRequest(
                  tokens(100L * d + q, 1 + random.nextInt(40)),
                  random.nextBoolean() ? QUEST : new Dense(),
                  random.nextBoolean(),
                  SamplingParams.greedy(1 + random.nextInt(150), List.of())));
        }
        int[] text = tokens(d, random.nextInt(450));
        futures.addAll(
            engine.submit(
                new DocumentRequest("d" + d, text, policies.get(d % policies.size()), questions)));
      }
      List<List<Integer>> answers = join(futures).stream().map(Completion::tokens).toList();
      preemptions[0] += engine.report().work().preemptions();
      return answers;
    }
  }

  @Test
  void answersDependOnNeitherBatchLimitsNorSharingNorPreemption() {
    long[] preemptions = new long[1];
    List<List<Integer>> expected = run(config().maxNumSeqs(1), preemptions);
    assertThat(run(config(), preemptions)).isEqualTo(expected);
    assertThat(run(config().maxNumSeqs(5).maxNumBatchedTokens(73), preemptions))
        .isEqualTo(expected);
    assertThat(run(config().pageSize(64).digestBlockSize(16).maxNumSeqs(3), preemptions))
        .hasSameSizeAs(expected);
    assertThat(preemptions[0]).isZero();
    // 1.5 MB of live pages for one document, and room for one or two in each of five stores
    assertThat(run(config().overcommit(true).maxNumSeqs(24).kvCacheBytes(4_100_000), preemptions))
        .isEqualTo(expected);
    assertThat(preemptions[0]).as("the tight cache must have preempted something").isPositive();
  }

  @Test
  void whatCannotBeIsOneSentence() {
    EngineConfig.Builder windowed =
        EngineConfig.builder(model("mistral-window"))
            .dtype(ComputeDType.FLOAT32)
            .maxModelLen(512)
            .cachePolicies(Set.of(KEEP_ALL));
    assertRefused(windowed, "keep_all", "the last 64 tokens");
    EngineConfig.Builder narrow =
        EngineConfig.builder(model("llama3-gqa"))
            .dtype(ComputeDType.FLOAT32)
            .maxModelLen(512)
            .cachePolicies(Set.of(INT4));
    assertRefused(narrow, "int4", "32 channels", "head_dim of 16");
    assertRefused(config().kvCacheBytes(1 << 20), "one document of max_model_len 640", "1048576");
    assertThatThrownBy(() -> CachePolicy.parse("int4 + int8"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("decide the format", "Int4", "Int8", "keep one");
    assertThatThrownBy(() -> CachePolicy.parse("int4(whole=-1)"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("int4", "whole is -1");
    ReadPolicy tokens = ReadPolicy.parse("twilight");
    try (Engine engine = open(config())) {
      assertThatThrownBy(
              () ->
                  engine.submit(
                      new DocumentRequest(
                          "d", tokens(1, 100), INT4, List.of(question(2, 5, tokens, 3)))))
          .isInstanceOf(ConfigException.class)
          .hasMessageContainingAll("twilight", "int4", "compresses");
    }
  }

  private static void assertRefused(EngineConfig.Builder config, String... parts) {
    assertThatThrownBy(() -> open(config).close())
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll(parts);
  }

  @Test
  void aCancelledDocumentGivesItsPagesBack() {
    CachePolicy policy = KEEP_ALL;
    EngineConfig.Builder config = config().cachePolicies(Set.of(policy)).maxNumBatchedTokens(64);
    try (Engine engine = open(config)) {
      for (int i = 0; i < 6; i++) {
        List<CompletableFuture<Completion>> futures =
            engine.submit(
                new DocumentRequest(
                    "d" + i,
                    tokens(i, 580),
                    policy,
                    List.of(question(i, 9, QUEST, 30), question(i + 1, 9, new Dense(), 30))));
        if (i % 2 == 0) {
          futures.forEach(future -> future.cancel(false));
        } else {
          assertThat(join(futures)).hasSize(2);
        }
      }
    }
  }
}
