package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.DeviceException;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.cuda.RequiresTestDriver;
import dev.questspark.engine.ops.cuda.TestDriver;
import dev.questspark.engine.ops.cuda.WholeModels;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The whole engine on the CUDA backend: answers, failures, and nothing left behind. */
@RequiresTestDriver
@WholeModels
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class CudaEngineTest {
  private static final ReadPolicy QUEST = ReadPolicy.parse("quest(budget=64, sink=16, recent=16)");
  private static final ReadPolicy WHOLE = ReadPolicy.parse("quest(budget=512, sink=0)");

  private static EngineConfig config(String backend, String dtype, int maxNumSeqs) {
    return config(backend, dtype, maxNumSeqs, true);
  }

  private static EngineConfig config(
      String backend, String dtype, int maxNumSeqs, boolean batchInvariant) {
    return config(backend, dtype, maxNumSeqs, batchInvariant, "auto");
  }

  private static EngineConfig config(
      String backend, String dtype, int maxNumSeqs, boolean batchInvariant, String digestDType) {
    try {
      return EngineConfig.builder(
              Path.of(CudaEngineTest.class.getResource("/hf-models/llama3-gqa/config.json").toURI())
                  .getParent())
          .device(DeviceName.parse(backend))
          .dtype(ComputeDType.parse(dtype))
          .maxModelLen(512)
          .maxNumSeqs(maxNumSeqs)
          .maxNumBatchedTokens(64)
          .digestDType(DigestDType.parse(digestDType))
          .threads(2)
          .batchInvariant(batchInvariant)
          .build();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static Engine open(EngineConfig config) {
    return Engine.open(config, new ByteTokenizer(), step -> {});
  }

  private static List<DocumentRequest> documents(ReadPolicy... selectors) {
    Random random = new Random(3);
    List<DocumentRequest> documents = new ArrayList<>();
    for (int d = 0; d < 2; d++) {
      List<QuestionRequest> questions = new ArrayList<>();
      for (ReadPolicy selector : selectors) {
        questions.add(
            new QuestionRequest(
                random.ints(5 + d, 3, 320).toArray(),
                selector,
                false,
                SamplingParams.greedy(10, List.of())));
      }
      documents.add(
          new DocumentRequest("d" + d, random.ints(150 + 20 * d, 3, 320).toArray(), questions));
    }
    return documents;
  }

  private static List<Completion> answers(EngineConfig config, ReadPolicy... selectors) {
    try (Engine engine = open(config)) {
      List<CompletableFuture<Completion>> futures = new ArrayList<>();
      documents(selectors).forEach(document -> futures.addAll(engine.submit(document)));
      return futures.stream().map(CompletableFuture::join).toList();
    }
  }

  private static List<List<Integer>> tokens(List<Completion> answers) {
    return answers.stream().map(Completion::tokens).toList();
  }

  @AfterEach
  void nothingIsLeftBehind() {
    assertThat(TestDriver.outstandingAllocations()).isZero();
  }

  @Test
  void answersAndReadsAreTheCpuBackends() {
    List<Completion> cuda = answers(config("cuda", "float32", 4), new Dense(), QUEST);
    List<Completion> cpu = answers(config("cpu", "float32", 4), new Dense(), QUEST);
    assertThat(tokens(cuda)).isEqualTo(tokens(cpu));
    assertThat(cuda.stream().map(Completion::reads))
        .isEqualTo(cpu.stream().map(Completion::reads).toList());
  }

  @Test
  void answersAndReadsWithInt8DigestsAreTheCpuBackends() {
    List<Completion> cuda = answers(config("cuda", "float32", 4, true, "int8"), new Dense(), QUEST);
    List<Completion> cpu = answers(config("cpu", "float32", 4, true, "int8"), new Dense(), QUEST);
    assertThat(tokens(cuda)).isEqualTo(tokens(cpu));
    assertThat(cuda.stream().map(Completion::reads))
        .isEqualTo(cpu.stream().map(Completion::reads).toList());
  }

  @Test
  void repeatedStepsAreReplayedAsGraphs() {
    List<List<Integer>> replayed =
        tokens(answers(config("cuda", "float32", 1), new Dense(), QUEST));
    assertThat(TestDriver.graphLaunches()).isPositive();
    assertThat(replayed)
        .isEqualTo(tokens(answers(config("cpu", "float32", 1), new Dense(), QUEST)));
  }

  @Test
  void anyScheduleOfTheDeviceGivesTheSameAnswers() {
    List<List<Integer>> late = tokens(answers(config("cuda", "float32", 4), QUEST));
    TestDriver.eager(true);
    assertThat(tokens(answers(config("cuda", "float32", 4), QUEST))).isEqualTo(late);
    TestDriver.eager(false);
    for (int order : new int[] {1, 2}) {
      TestDriver.threadOrder(order);
      assertThat(tokens(answers(config("cuda", "float32", 4), QUEST)))
          .as("thread order %d", order)
          .isEqualTo(late);
    }
  }

  @Test
  void bfloat16KeepsItsIdentities() {
    List<List<Integer>> dense =
        tokens(answers(config("cuda", "auto", 4), new Dense(), new Dense()));
    assertThat(tokens(answers(config("cuda", "auto", 4), WHOLE, WHOLE)))
        .as("a budget of the whole context is dense attention")
        .isEqualTo(dense);
    assertThat(tokens(answers(config("cuda:0", "bfloat16", 1), new Dense(), new Dense())))
        .as("alone or in a batch")
        .isEqualTo(dense);
  }

  @Test
  void cublasAnswersAndIsReplayedToo() {
    EngineConfig fast = config("cuda", "float32", 1, false);
    List<List<Integer>> answered = tokens(answers(fast, new Dense(), QUEST));
    assertThat(TestDriver.graphLaunches()).isPositive();
    assertThat(answered)
        .isEqualTo(tokens(answers(config("cpu", "float32", 1), new Dense(), QUEST)));
  }

  @Test
  void aModelThatDoesNotFitIsAConfigurationError() {
    for (long bytes : new long[] {1 << 20, 10 << 20, 20 << 20}) {
      TestDriver.memoryBytes(bytes);
      assertThatThrownBy(() -> open(config("cuda", "float32", 4)))
          .isInstanceOf(ConfigException.class)
          .hasMessageMatching("(?s).*[0-9]+ (more bytes|of [0-9]+ free bytes|bytes).*lower.*");
      assertThat(TestDriver.outstandingAllocations()).isZero();
    }
  }

  @Test
  void aRefusedLaunchFailsTheRowsAndNamesTheOp() {
    try (Engine engine = open(config("cuda", "float32", 4))) {
      TestDriver.failLaunch(40);
      DeviceException failure = failure(engine);
      assertThat(failure.sticky()).isFalse();
      assertThat(failure.status()).isEqualTo("CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES");
      assertThat(failure).hasMessageMatching(".* in [a-z0-9_]+\\(.*grid .* block .*");
    }
    TestDriver.reset();
    assertThat(tokens(answers(config("cuda", "float32", 4), QUEST))).hasSize(2);
  }

  @Test
  void aLostContextIsStickyAndEndsEverythingInOrder() {
    for (int launches : new int[] {1, 30, 400}) {
      try (Engine engine = open(config("cuda", "float32", 4))) {
        TestDriver.loseContextAfter(launches);
        DeviceException failure = failure(engine);
        assertThat(failure.sticky()).isTrue();
        assertThat(failure.status()).isEqualTo("CUDA_ERROR_ILLEGAL_ADDRESS");
        assertThat(failure).hasMessageContaining("context is lost");
        // What comes later fails at once, instead of waiting for a device that is gone.
        assertThat(failure(engine).sticky()).isTrue();
      }
      TestDriver.reset();
      assertThat(TestDriver.outstandingAllocations()).isZero();
    }
  }

  @Test
  void aFailureWhileOpeningLeavesNothingBehind() {
    TestDriver.failLaunch(5);
    assertThatThrownBy(() -> open(config("cuda", "float32", 4)))
        .isInstanceOf(DeviceException.class);
    TestDriver.reset();
    TestDriver.loseContextAfter(5);
    assertThatThrownBy(() -> open(config("cuda", "float32", 4)))
        .isInstanceOf(DeviceException.class);
  }

  private static DeviceException failure(Engine engine) {
    List<CompletableFuture<Completion>> futures = new ArrayList<>();
    documents(QUEST).forEach(document -> futures.addAll(engine.submit(document)));
    Throwable first = catchThrowable(futures.get(0)::join);
    futures.forEach(
        future -> assertThatThrownBy(future::join).isInstanceOf(CompletionException.class));
    assertThat(first).hasCauseInstanceOf(DeviceException.class);
    return (DeviceException) first.getCause();
  }

  @Test
  void anAbsentDeviceIsOneSentence() {
    assertThatThrownBy(() -> open(config("cuda:3", "float32", 4)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("device is 3, but this process sees 1 GPU");
    TestDriver.driverVersion(11040);
    assertThatThrownBy(() -> open(config("cuda", "float32", 4)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("speaks CUDA 11.4")
        .hasMessageContaining("update the driver");
    TestDriver.devices(0);
    assertThatThrownBy(() -> open(config("cuda", "float32", 4)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("no usable GPU");
  }

  @Test
  void eachDeviceIsOpenedByItsOrdinal() {
    TestDriver.devices(3);
    try (Engine first = open(config("cuda:0", "float32", 4));
        Engine third = open(config("cuda:2", "float32", 4))) {
      assertThat(first.report().setup().backend()).contains("Quest test device 0 (device 0");
      assertThat(third.report().setup().backend()).contains("Quest test device 2 (device 2");
      List<List<Completion>> both = new ArrayList<>();
      for (Engine engine : List.of(first, third)) {
        both.add(
            engine.submit(documents(QUEST).get(0)).stream().map(CompletableFuture::join).toList());
      }
      assertThat(tokens(both.get(0))).isEqualTo(tokens(both.get(1)));
    }
  }
}
