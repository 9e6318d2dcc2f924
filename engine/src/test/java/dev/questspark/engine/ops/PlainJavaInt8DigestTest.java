package dev.questspark.engine.ops;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuMemory;
import java.util.List;
import java.util.stream.Stream;

/** 8-bit digests without native code or the Vector API, beside pages of either dtype. */
class PlainJavaInt8DigestTest extends Int8DigestContract {

  static List<DigestCase> cases() {
    return Stream.of(DType.F32, DType.BF16)
        .flatMap(cache -> cases(DType.F32, cache).stream())
        .toList();
  }

  @Override
  Backend open(DigestCase c) {
    return CpuMemory.openPlainJava(new BackendOptions(2, c.cache(), true));
  }
}
