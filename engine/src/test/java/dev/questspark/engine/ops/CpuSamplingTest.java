package dev.questspark.engine.ops;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;

/** {@code -Dquestspark.sampling.draws=1000000} draws more for each distribution. */
class CpuSamplingTest extends SamplingContract {
  @Override
  Backend open() {
    return CpuBackend.open(new BackendOptions(2, DType.F32, true));
  }

  @Override
  int draws() {
    return Integer.getInteger("questspark.sampling.draws", 60_000);
  }
}
