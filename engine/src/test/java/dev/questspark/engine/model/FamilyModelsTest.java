package dev.questspark.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.model.FamilyCheckpoints.Expected;
import dev.questspark.engine.model.FamilyCheckpoints.Run;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A checkpoint of every family against logits and greedy tokens of Hugging Face transformers
 * (float32, eager attention): dense, with a budget that covers the context, and, as far as that can
 * be said, with one that does not.
 */
class FamilyModelsTest {
  private static final double TOLERANCE = 2e-3;
  private static Backend backend;

  @BeforeAll
  static void open() {
    backend = CpuBackend.open(new BackendOptions(2, DType.F32, true));
  }

  @AfterAll
  static void close() {
    backend.close();
  }

  private static List<String> names() {
    return FamilyCheckpoints.names();
  }

  @ParameterizedTest
  @MethodSource("names")
  void equalsTransformers(String name) throws Exception {
    Expected expected = FamilyCheckpoints.expected(name);
    try (DecoderHarness harness =
        new DecoderHarness(FamilyCheckpoints.folder(name), backend, 1, false)) {
      Run dense = FamilyCheckpoints.run(harness, expected, new Dense(), 40);
      assertThat(FamilyCheckpoints.worst(dense.logits(), expected.logits()))
          .as("logits of %s", name)
          .isLessThan(TOLERANCE);
      assertThat(dense.greedy()).isEqualTo(expected.greedy());

      Run covered = FamilyCheckpoints.run(harness, expected, quest(512), 23);
      assertThat(same(covered.logits(), dense.logits())).isTrue();
      assertThat(covered.greedy()).isEqualTo(dense.greedy());

      // Two pages, of the three and more that a window of 32 tokens touches.
      Run sparse = FamilyCheckpoints.run(harness, expected, quest(32), 40);
      int prefilled = sparse.logits().size() - 1; // the rows before the question know no policy
      List<float[]> before = dense.logits().subList(0, prefilled);
      assertThat(same(sparse.logits().subList(0, prefilled), before)).isTrue();
      float[] last = sparse.logits().get(prefilled);
      assertThat(last).doesNotContain(Float.NaN);
      assertThat(Arrays.equals(last, dense.logits().get(prefilled))).isFalse();
    }
  }

  private static boolean same(List<float[]> actual, List<float[]> expected) {
    return Arrays.deepEquals(actual.toArray(), expected.toArray());
  }

  private static ReadPolicy quest(int budget) {
    return ReadPolicy.parse("quest(budget=" + budget + ", sink=0)");
  }
}
