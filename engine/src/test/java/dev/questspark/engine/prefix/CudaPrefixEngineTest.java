package dev.questspark.engine.prefix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.cuda.RequiresTestDriver;
import dev.questspark.engine.ops.cuda.TestDriver;
import dev.questspark.engine.ops.cuda.WholeModels;
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
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Documents compressed on the CUDA backend: what the CPU makes of them, and nothing left behind.
 */
@RequiresTestDriver
@ExtendWith(WholeModels.Search.class)
@Timeout(value = 240, unit = TimeUnit.SECONDS)
class CudaPrefixEngineTest {
  private static final ReadPolicy QUEST = ReadPolicy.parse("quest(budget=64, sink=16, recent=16)");
  private static final ReadPolicy ALL = ReadPolicy.parse("quest(budget=1024, sink=16, recent=16)");
  private static final ReadPolicy VOTES =
      ReadPolicy.parse("quest(budget=64, reduction=softmax, score=minmax)");

  private static EngineConfig.Builder config(String device, CachePolicy... policies) {
    try {
      return EngineConfig.builder(
              Path.of(
                      CudaPrefixEngineTest.class
                          .getResource("/hf-models/qwen3-qknorm/config.json")
                          .toURI())
                  .getParent())
          .device(DeviceName.parse(device))
          .dtype(ComputeDType.FLOAT32)
          .maxModelLen(320)
          .maxNumSeqs(4)
          .maxNumBatchedTokens(560)
          .pageScores(Set.of(PageScores.MEANSTD, PageScores.MINMAX))
          .scratch(VOTES.scratch())
          .cachePolicies(Set.of(policies))
          .threads(2);
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static Engine open(EngineConfig.Builder config) {
    return Engine.open(config.build(), new ByteTokenizer(), step -> {});
  }

  private static int[] tokens(long seed, int count) {
    return new Random(seed).ints(count, 3, 320).toArray();
  }

  private static QuestionRequest scored(ReadPolicy policy) {
    return QuestionRequest.scoring(tokens(3, 9), policy, tokens(4, 12));
  }

  private static List<Completion> ask(
      EngineConfig.Builder config, CachePolicy policy, QuestionRequest... questions) {
    try (Engine engine = open(config)) {
      return engine
          .submit(new DocumentRequest("d", tokens(1, 230), policy, List.of(questions)))
          .stream()
          .map(CompletableFuture::join)
          .toList();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "keep_all",
        "int8",
        "int4(whole=40)",
        "int2",
        "a_shape(segment=64) + k4v2",
        "streaming_llm(sink=4, recent=60) + int4",
        "kvzip(keep=0.4)"
      })
  void documentsAreWhatTheyAreOnTheCpu(String text) {
    CachePolicy policy = CachePolicy.parse(text);
    QuestionRequest[] questions = {scored(new Dense()), scored(QUEST), scored(ALL), scored(VOTES)};
    List<Completion> cuda = ask(config("cuda", policy), policy, questions);
    List<Completion> cpu = ask(config("cpu", policy), policy, questions);
    for (int q = 0; q < questions.length; q++) {
      for (int token = 0; token < cpu.get(q).logProbs().size(); token++) {
        assertThat(Math.abs(cuda.get(q).logProbs().get(token) - cpu.get(q).logProbs().get(token)))
            .as("question %d, token %d", q, token)
            .isLessThan(3e-4);
      }
      assertThat(cuda.get(q).reads()).as("question %d", q).isEqualTo(cpu.get(q).reads());
    }
    assertThat(cuda.get(2).logProbs())
        .as("a budget above the context")
        .isEqualTo(cuda.get(0).logProbs());
    assertThat(cuda.get(0).prefill().storedBytes()).isEqualTo(cpu.get(0).prefill().storedBytes());
    assertThat(TestDriver.outstandingAllocations()).isZero();
  }

  /** A mixed workload under several policies. */
  private static List<List<Integer>> run(EngineConfig.Builder config, long[] preemptions) {
    List<CachePolicy> policies =
        Stream.of("none", "keep_all", "int4").map(CachePolicy::parse).toList();
    config.cachePolicies(policies.stream().collect(Collectors.toSet()));
    Random random = new Random(5);
    try (Engine engine = open(config)) {
      List<CompletableFuture<Completion>> futures = new ArrayList<>();
      for (int d = 0; d < 5; d++) {
        List<QuestionRequest> questions = new ArrayList<>();
        for (int q = 0; q < 3; q++) {
          questions.add(
              new QuestionRequest(
                  tokens(100L * d + q, 1 + random.nextInt(20)),
                  random.nextBoolean() ? QUEST : new Dense(),
                  random.nextBoolean(),
                  SamplingParams.greedy(25 + random.nextInt(30), List.of())));
        }
        int[] text = tokens(d, 70 + random.nextInt(60));
        futures.addAll(
            engine.submit(
                new DocumentRequest("d" + d, text, policies.get(d % policies.size()), questions)));
      }
      List<List<Integer>> answers = futures.stream().map(future -> future.join().tokens()).toList();
      preemptions[0] += engine.report().work().preemptions();
      return answers;
    }
  }

  @Test
  void answersDependOnNeitherBatchLimitsNorPreemption() {
    long[] preemptions = new long[1];
    List<List<Integer>> expected = run(config("cuda").maxNumSeqs(2), preemptions);
    assertThat(run(config("cuda"), preemptions)).isEqualTo(expected);
    assertThat(preemptions[0]).isZero();
    assertThat(
            run(
                config("cuda").overcommit(true).maxNumSeqs(15).kvCacheBytes(1_650_000),
                preemptions))
        .isEqualTo(expected);
    assertThat(preemptions[0]).as("the tight cache must have preempted something").isPositive();
    assertThat(TestDriver.outstandingAllocations()).isZero();
  }

  /** Rounding of 16 bits apart, a document that keeps all is the document. */
  @Test
  void sixteenBitsKeepAllToRounding() {
    CachePolicy all = CachePolicy.parse("keep_all");
    EngineConfig.Builder config =
        config("cuda", CachePolicy.NONE, all).dtype(ComputeDType.BFLOAT16);
    Completion dense = ask(config, CachePolicy.NONE, scored(new Dense())).get(0);
    Completion kept = ask(config, all, scored(new Dense())).get(0);
    for (int token = 0; token < dense.logProbs().size(); token++) {
      assertThat(Math.abs(dense.logProbs().get(token) - kept.logProbs().get(token)))
          .isLessThan(0.05);
    }
  }
}
