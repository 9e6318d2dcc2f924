package dev.questspark.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.model.FamilyCheckpoints.Expected;
import dev.questspark.engine.model.FamilyCheckpoints.Run;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.cuda.CudaBackend;
import dev.questspark.engine.ops.cuda.CudaOptions;
import dev.questspark.engine.ops.cuda.RequiresCuda;
import dev.questspark.engine.ops.cuda.WholeModels;
import dev.questspark.engine.policy.Dense;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The checkpoint of every family on the CUDA backend, in float, against transformers. */
@RequiresCuda
@WholeModels
class CudaFamilyModelsTest {
  private static final double TOLERANCE = 2e-3; // of the CPU backend's own test

  private static List<String> names() {
    return FamilyCheckpoints.names();
  }

  @ParameterizedTest
  @MethodSource("names")
  void equalsTransformers(String name) throws Exception {
    Expected expected = FamilyCheckpoints.expected(name);
    CudaOptions options = new CudaOptions(0, DType.F32, DType.F32, true, 1024, 1024);
    try (Backend backend = CudaBackend.open(options);
        DecoderHarness harness =
            new DecoderHarness(FamilyCheckpoints.folder(name), backend, 1, false)) {
      Run dense = FamilyCheckpoints.run(harness, expected, new Dense(), 40);
      assertThat(FamilyCheckpoints.worst(dense.logits(), expected.logits()))
          .as("logits of %s", name)
          .isLessThan(TOLERANCE);
      assertThat(dense.greedy()).isEqualTo(expected.greedy());
    }
  }
}
