package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.backend.BackendProvider;
import dev.questspark.engine.ops.backend.BackendRequest;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.backend.WeightDType;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code cpu}: the processors of this host. */
public final class CpuBackendProvider implements BackendProvider {
  private static final Logger LOG = LoggerFactory.getLogger(CpuBackendProvider.class);

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public boolean numbered() {
    return false;
  }

  @Override
  public Backend open(BackendRequest request) {
    DType dtype = cacheDType(request.dtype(), request.checkpoint());
    if (request.dtype() == ComputeDType.AUTO) {
      LOG.info(
          "dtype auto: {}, for a checkpoint in {} on a processor {} bfloat16 products",
          dtype.optionName(),
          request.checkpoint().map(DType::toString).orElse("no stated type"),
          CpuBackend.multipliesBf16Natively() ? "with" : "without");
    }
    DType weights = request.weights() == WeightDType.INT8 ? DType.I8 : dtype;
    return CpuBackend.open(
        new BackendOptions(request.threads(), dtype, weights, request.batchInvariant()));
  }

  /**
   * A half-precision checkpoint is computed in bfloat16 where the processor multiplies that itself:
   * twice as fast, with half the memory for weights and cache. Anything else in float.
   */
  private static DType automatic(Optional<DType> checkpoint) {
    boolean half = checkpoint.filter(dtype -> dtype != DType.F32).isPresent();
    return half && CpuBackend.multipliesBf16Natively() ? DType.BF16 : DType.F32;
  }

  /** That of matrix products. */
  @Override
  public DType cacheDType(ComputeDType asked, Optional<DType> checkpoint) {
    return asked.or(automatic(checkpoint));
  }

  @Override
  public String check(DeviceName device) {
    return name();
  }
}
