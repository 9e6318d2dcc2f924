package dev.questspark.engine.ops;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuMemory;

class PlainJavaSamplingTest extends SamplingContract {
  @Override
  Backend open() {
    return CpuMemory.openPlainJava(new BackendOptions(2, DType.F32, true));
  }

  @Override
  int draws() {
    return 20_000;
  }
}
