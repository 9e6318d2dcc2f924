package dev.questspark.engine.ops;

import dev.questspark.engine.ops.cpu.CpuMemory;

/** The same on the backend without native code or the Vector API. */
class PlainJavaHalfPrecisionTest extends CpuHalfPrecisionTest {
  @Override
  Backend open(Case c) {
    return CpuMemory.openPlainJava(new BackendOptions(2, c.kv(), true));
  }
}
