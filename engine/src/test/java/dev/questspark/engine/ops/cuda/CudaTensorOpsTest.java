package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.ops.TensorOpsContract;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;

/** The contract on the CUDA backend. */
@RequiresCuda
class CudaTensorOpsTest extends TensorOpsContract {
  @Override
  protected Backend open(BackendOptions options) {
    return TestDriver.open(
        new CudaOptions(
            0, options.dtype(), options.dtype(), options.batchInvariant(), 1024, 66_000));
  }
}
