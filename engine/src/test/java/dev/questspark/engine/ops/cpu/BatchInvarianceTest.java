package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.Backend;
import dev.questspark.engine.ops.BackendOptions;
import dev.questspark.engine.ops.BatchInvarianceContract;

/** Batch invariance on the CPU backend. */
class BatchInvarianceTest extends BatchInvarianceContract {
  @Override
  protected Backend open(BackendOptions options) {
    return CpuBackend.open(options);
  }
}
