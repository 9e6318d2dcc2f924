package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.cuda.RequiresTestDriver;
import dev.questspark.engine.ops.cuda.TestDriver;
import dev.questspark.engine.ops.cuda.WholeModels;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Readers on the CUDA backend: what they choose, and nothing left behind. */
@RequiresTestDriver
@WholeModels
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class CudaSelectivePrefillTest {
  private static final CachePolicy OWN = CachePolicy.parse("selective(keep=0.4, layers=2)");
  private static final CachePolicy SECOND =
      CachePolicy.parse("selective(keep=0.4, reader=model, positions=compacted)");
  private static final CachePolicy DRAFTED =
      CachePolicy.parse("selective(keep=0.4, reader=model, lookahead=3)");

  private static Path folder(String model) {
    try {
      return Path.of(
              CudaSelectivePrefillTest.class
                  .getResource("/hf-models/" + model + "/config.json")
                  .toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  private static List<List<Double>> scores(String device) {
    EngineConfig config =
        EngineConfig.builder(folder("llama3-gqa"))
            .readerModel(Optional.of(folder("qwen3-qknorm")))
            .device(DeviceName.parse(device))
            .dtype(ComputeDType.FLOAT32)
            .maxModelLen(256)
            .maxNumBatchedTokens(64)
            .cachePolicies(Set.of(OWN, SECOND, DRAFTED))
            .threads(2)
            .build();
    int[] text = new Random(1).ints(220, 3, 320).toArray();
    int[] question = new Random(2).ints(7, 3, 320).toArray();
    int[] answer = new Random(3).ints(6, 3, 320).toArray();
    try (Engine engine = Engine.open(config, new ByteTokenizer(), step -> {})) {
      return List.of(OWN, SECOND, DRAFTED).stream()
          .map(
              policy ->
                  engine
                      .submit(
                          new DocumentRequest(
                              "d",
                              text,
                              policy,
                              List.of(QuestionRequest.scoring(question, new Dense(), answer))))
                      .get(0)
                      .join()
                      .logProbs())
          .toList();
    }
  }

  @Test
  void readersChooseWhatTheyChooseOnTheCpu() {
    List<List<Double>> cuda = scores("cuda");
    List<List<Double>> cpu = scores("cpu");
    for (int policy = 0; policy < cpu.size(); policy++) {
      for (int token = 0; token < cpu.get(policy).size(); token++) {
        assertThat(Math.abs(cuda.get(policy).get(token) - cpu.get(policy).get(token)))
            .as("policy %d, token %d", policy, token)
            .isLessThan(2e-4);
      }
    }
    assertThat(TestDriver.outstandingAllocations()).isZero();
  }
}
