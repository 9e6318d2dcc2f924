package dev.questspark.engine.ops;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import java.util.List;

/** 8-bit digests on the CPU backend. */
class CpuInt8DigestTest extends Int8DigestContract {

  static List<DigestCase> cases() {
    return cases(DType.F32, DType.F32);
  }

  @Override
  Backend open(DigestCase c) {
    return CpuBackend.open(new BackendOptions(2, c.cache(), true));
  }
}
