package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.cuda.RequiresTestDriver;
import dev.questspark.engine.ops.cuda.WholeModels;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract on the CUDA backend, run by the CPU test driver. */
@RequiresTestDriver
@ExtendWith(WholeModels.Search.class)
class CudaReadPolicyTest extends ReadPolicyContract {
  @Override
  DeviceName device() {
    return DeviceName.parse("cuda");
  }

  @Override
  PageShape shape() {
    return new PageShape(16, 8);
  }
}
