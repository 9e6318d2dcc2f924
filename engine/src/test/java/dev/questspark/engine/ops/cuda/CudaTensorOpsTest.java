package dev.questspark.engine.ops.cuda;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.TensorOpsContract;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import java.util.Set;

/** The contract on the CUDA backend. */
@RequiresCuda
class CudaTensorOpsTest extends TensorOpsContract {
  /** Lists of pages over caches with one digest per page are what there are kernels for. */
  @Override
  protected Set<Integer> units(KvGeometry geometry) {
    assumeTrue(geometry.digestBlockSize() == geometry.pageSize());
    return Set.of(geometry.pageSize());
  }

  @Override
  protected Backend open(BackendOptions options) {
    return TestDriver.open(
        new CudaOptions(
            0, options.dtype(), options.dtype(), options.batchInvariant(), 1024, 66_000));
  }
}
