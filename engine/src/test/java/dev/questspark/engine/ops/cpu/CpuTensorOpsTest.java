package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.Backend;
import dev.questspark.engine.ops.BackendOptions;
import dev.questspark.engine.ops.TensorOpsContract;

/** The contract on the CPU backend. */
class CpuTensorOpsTest extends TensorOpsContract {
  @Override
  protected Backend open(BackendOptions options) {
    return CpuBackend.open(options);
  }
}
