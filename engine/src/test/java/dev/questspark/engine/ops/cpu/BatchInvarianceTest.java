package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.BatchInvarianceContract;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;

/** Batch invariance on the CPU backend. */
class BatchInvarianceTest extends BatchInvarianceContract {
  @Override
  protected Backend open(BackendOptions options) {
    return CpuBackend.open(options);
  }
}
