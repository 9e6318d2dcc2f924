package dev.questspark.engine.ops;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.cuda.CudaOptions;
import dev.questspark.engine.ops.cuda.RequiresCuda;
import dev.questspark.engine.ops.cuda.TestDriver;

@RequiresCuda
class CudaSamplingTest extends SamplingContract {
  @Override
  Backend open() {
    return TestDriver.open(new CudaOptions(0, DType.F32, DType.F32, true, MAX_ROWS, 512));
  }

  /** The test driver runs a block's thousand threads one after the other. */
  @Override
  int draws() {
    return 2 * MAX_ROWS;
  }

  @Override
  int thinned() {
    return 8;
  }
}
