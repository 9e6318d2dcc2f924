package dev.questspark.engine.ops;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;

/** How documents are stored, on the CPU. */
class CpuPrefixFormatsTest extends PrefixFormatsContract {
  @Override
  Backend openBackend() {
    return CpuBackend.open(new BackendOptions(2, DType.F32, true));
  }
}
