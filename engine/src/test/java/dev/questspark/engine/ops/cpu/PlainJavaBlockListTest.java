package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.BlockListContract;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;

/** The contract on the CPU backend of platforms that oneDNN has no library for. */
class PlainJavaBlockListTest extends BlockListContract {
  @Override
  protected Backend open(BackendOptions options) {
    return CpuBackend.inPlainJava(options);
  }
}
