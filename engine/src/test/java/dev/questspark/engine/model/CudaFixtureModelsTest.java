package dev.questspark.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.Gson;
import dev.questspark.engine.model.DecoderHarness.Rows;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.ops.cuda.CudaBackend;
import dev.questspark.engine.ops.cuda.CudaOptions;
import dev.questspark.engine.ops.cuda.RequiresCuda;
import dev.questspark.engine.ops.cuda.WholeModels;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The seven checkpoints on the CUDA backend, in float, against the CPU backend: the same greedy
 * tokens and the same selected pages, dense and Quest; and against transformers' logits.
 */
@RequiresCuda
@WholeModels
class CudaFixtureModelsTest {
  private static final int PROMPT = 300;
  private static final int QUESTION_FROM = 290; // the last rows go through the selector
  private static final int NEW_TOKENS = 48;
  private static final double TOLERANCE = 2e-3; // of the CPU backend's own test

  /** The fields of expected.json. */
  private record Expected(int[] prompt, int[] logit_positions, float[][] logits, int[] greedy) {}

  private record Run(List<float[]> logits, int[] greedy, List<List<Integer>> selections) {}

  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-mha",
        "llama-linear-rope",
        "llama-yarn",
        "llama3-gqa",
        "mistral-window",
        "qwen2-bias",
        "qwen3-qknorm"
      })
  void equalsTheCpuBackend(String name) throws Exception {
    Path folder =
        Path.of(getClass().getResource("/hf-models/" + name + "/config.json").toURI()).getParent();
    Expected expected =
        new Gson().fromJson(Files.readString(folder.resolve("expected.json")), Expected.class);
    ReadPolicy minMax = quest(PageScores.MINMAX, GroupReduction.MAX);
    ReadPolicy meanStd = quest(PageScores.MEANSTD, GroupReduction.SUM);
    for (ReadPolicy policy : List.of(new Dense(), minMax, meanStd)) {
      Run cuda = run(folder, expected, policy, openCuda());
      Run cpu =
          run(folder, expected, policy, CpuBackend.open(new BackendOptions(2, DType.F32, true)));
      String what = name + ", " + policy.text();
      assertThat(cuda.greedy()).as(what).isEqualTo(cpu.greedy());
      assertThat(cuda.selections()).as("selections of " + what).isEqualTo(cpu.selections());
      assertThat(cuda.selections().isEmpty()).isEqualTo(policy.dense());
      if (policy.dense()) {
        assertThat(cuda.greedy()).isEqualTo(Arrays.copyOf(expected.greedy(), NEW_TOKENS));
        for (int i = 0; i < expected.logits().length; i++) {
          assertClose(what, cuda.logits().get(i), expected.logits()[i]);
        }
      }
    }
  }

  private static Backend openCuda() {
    return CudaBackend.open(new CudaOptions(0, DType.F32, DType.F32, true, 1024, 1024));
  }

  /** A budget of 6 of 19 and more pages. */
  private static ReadPolicy quest(PageScore score, GroupReduction reduction) {
    return ReadPolicy.parse(
        "quest(budget=96, score=" + score + ", reduction=" + reduction + ", sink=0)");
  }

  private static Run run(Path folder, Expected expected, ReadPolicy policy, Backend real) {
    SelectionRecorder recorder = new SelectionRecorder(real);
    try (real;
        DecoderHarness harness = new DecoderHarness(folder, recorder.backend(), 1, false)) {
      int[] tokens = Arrays.copyOf(expected.prompt(), PROMPT + NEW_TOKENS);
      List<float[]> logits = new ArrayList<>();
      int[] wanted = expected.logit_positions();
      logits.addAll(harness.step(List.of(new Rows(0, tokens, 0, QUESTION_FROM, null, wanted))));
      logits.addAll(
          harness.step(List.of(new Rows(0, tokens, QUESTION_FROM, PROMPT, policy, wanted))));
      int[] greedy = new int[NEW_TOKENS];
      float[] last = logits.get(logits.size() - 1);
      for (int i = 0; i < NEW_TOKENS; i++) {
        greedy[i] = DecoderHarness.argmax(last);
        int position = PROMPT + i;
        tokens[position] = greedy[i];
        last =
            harness
                .step(List.of(new Rows(0, tokens, position, position + 1, policy, position)))
                .get(0);
      }
      return new Run(logits, greedy, recorder.selections());
    }
  }

  private static void assertClose(String what, float[] actual, float[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      assertThat((double) Math.abs(actual[i] - expected[i])).as(what).isLessThan(TOLERANCE);
    }
  }
}
