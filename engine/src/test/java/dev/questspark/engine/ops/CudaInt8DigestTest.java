package dev.questspark.engine.ops;

import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.cuda.CudaBackend;
import dev.questspark.engine.ops.cuda.CudaOptions;
import dev.questspark.engine.ops.cuda.RequiresCuda;
import dev.questspark.engine.ops.cuda.TestDriver;
import java.util.List;
import java.util.stream.Stream;

/** 8-bit digests on the CUDA backend, in every pair of dtypes that there are kernels for. */
@RequiresCuda
class CudaInt8DigestTest extends Int8DigestContract {

  static List<DigestCase> cases() {
    return Stream.of(
            cases(DType.F32, DType.F32),
            cases(DType.F32, DType.BF16),
            cases(DType.F32, DType.F16),
            cases(DType.BF16, DType.BF16),
            cases(DType.BF16, DType.F16))
        .flatMap(List::stream)
        .toList();
  }

  @Override
  Backend open(DigestCase c) {
    return TestDriver.open(new CudaOptions(0, c.activations(), c.cache(), true, 512, 512));
  }

  @Override
  Tensor activations(Backend on, float[][] rows) {
    DType dtype = on.activationDType();
    return TestDriver.upload((CudaBackend) on, HalfFloats.host(rows, dtype), dtype);
  }
}
