package dev.questspark.engine.ops;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.ops.cpu.CpuMemory;
import java.util.Arrays;
import java.util.List;

/** The CPU's ops on bf16 pages: activations stay float, and the weights of decode. */
class CpuHalfPrecisionTest extends HalfPrecisionContract {

  static List<Case> cases() {
    return Arrays.stream(SHAPES)
        .map(shape -> Case.of(DType.F32, DType.BF16, false, shape))
        .toList();
  }

  /** Tiles of prefill are multiplied in bf16. */
  @Override
  boolean prefillRoundsWeights(Case c) {
    return true;
  }

  @Override
  Backend open(Case c) {
    return CpuBackend.open(new BackendOptions(2, c.kv(), true));
  }

  @Override
  Tensor upload(Backend on, HostTensor rounded, DType dtype) {
    return CpuMemory.upload(on, rounded, dtype);
  }
}
