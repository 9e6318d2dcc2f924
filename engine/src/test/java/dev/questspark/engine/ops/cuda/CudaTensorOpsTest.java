package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.ops.Backend;
import dev.questspark.engine.ops.BackendOptions;
import dev.questspark.engine.ops.TensorOpsContract;

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
