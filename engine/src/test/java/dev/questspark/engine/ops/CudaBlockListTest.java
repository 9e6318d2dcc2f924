package dev.questspark.engine.ops;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cuda.CudaOptions;
import dev.questspark.engine.ops.cuda.RequiresCuda;
import dev.questspark.engine.ops.cuda.TestDriver;
import java.util.stream.Stream;

/**
 * The contract of block lists on the CUDA backend, which takes none under a sliding window. Heads
 * of 64 channels and more are those of {@link CudaBlockFormsTest}.
 */
@RequiresCuda
class CudaBlockListTest extends BlockListContract {
  static Stream<Case> cases() {
    return BlockScoreContract.cases().filter(c -> c.window() == 0 && c.headDim() < 64);
  }

  @Override
  protected Backend open(BackendOptions options) {
    return TestDriver.open(
        new CudaOptions(
            0, options.dtype(), options.dtype(), options.batchInvariant(), 1024, 66_000));
  }
}
