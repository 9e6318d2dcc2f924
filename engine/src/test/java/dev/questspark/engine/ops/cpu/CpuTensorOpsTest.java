package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.TensorOpsContract;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;

/** The contract on the CPU backend. */
class CpuTensorOpsTest extends TensorOpsContract {
  @Override
  protected Backend open(BackendOptions options) {
    return CpuBackend.open(options);
  }
}
