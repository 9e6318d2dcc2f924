package dev.questspark.engine.ops;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;

/** What rows read of prefixes, on the CPU. */
class CpuPrefixAttentionTest extends PrefixAttentionContract {
  @Override
  Backend openBackend() {
    return CpuBackend.open(new BackendOptions(2, DType.F32, true));
  }
}
