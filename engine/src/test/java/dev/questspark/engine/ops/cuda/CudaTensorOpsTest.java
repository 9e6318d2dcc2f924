package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.ops.Backend;
import dev.questspark.engine.ops.BackendOptions;
import dev.questspark.engine.ops.TensorOpsContract;

/**
 * The contract on the CUDA backend, on the test driver. Every tensor is an allocation of its own,
 * so that the driver's canaries stand around each.
 */
@RequiresTestDriver
class CudaTensorOpsTest extends TensorOpsContract {
  private static final long NO_SLABS = 0;

  static {
    // The contract leaves its tensors to the backend's close, which would warn of each.
    System.setProperty("org.slf4j.simpleLogger.log." + DevicePool.class.getName(), "error");
  }

  @Override
  protected Backend open(BackendOptions options) {
    return CudaBackend.open(
        new CudaOptions(0, options.dtype(), options.dtype(), options.batchInvariant(), 1024, 8192),
        NO_SLABS);
  }
}
