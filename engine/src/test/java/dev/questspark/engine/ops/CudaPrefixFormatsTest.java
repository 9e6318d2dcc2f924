package dev.questspark.engine.ops;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.cuda.CudaOptions;
import dev.questspark.engine.ops.cuda.RequiresCuda;
import dev.questspark.engine.ops.cuda.TestDriver;

/** How documents are stored, on a GPU or the test driver. */
@RequiresCuda
class CudaPrefixFormatsTest extends PrefixFormatsContract {
  @Override
  Backend openBackend() {
    return TestDriver.open(new CudaOptions(0, DType.F32, DType.F32, true, 512, 4096));
  }
}
