package dev.questspark.engine.ops;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuMemory;

/** The same on the backend without native code or the Vector API. */
class PlainJavaHalfPrecisionTest extends CpuHalfPrecisionTest {
  @Override
  boolean prefillRoundsWeights(Case c) {
    return false;
  }

  @Override
  Backend open(Case c) {
    return CpuMemory.openPlainJava(new BackendOptions(2, c.kv(), true));
  }
}
