package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendProvider;
import dev.questspark.engine.ops.backend.BackendRequest;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.backend.WeightDType;
import java.util.Optional;

/** {@code cuda}, {@code cuda:N}: an NVIDIA GPU among those that the process sees. */
public final class CudaBackendProvider implements BackendProvider {
  /** A grid's second dimension, which counts rows in several kernels. */
  private static final int MAX_ROWS = 65_535;

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public boolean numbered() {
    return true;
  }

  /** An automatic dtype is bfloat16. */
  @Override
  public Backend open(BackendRequest request) {
    if (request.weights() == WeightDType.INT8) {
      throw new ConfigException(
          "weight_dtype int8 is for backend cpu, and the backend is "
              + request.device()
              + "; use auto");
    }
    if (request.maxRows() > MAX_ROWS) {
      throw new ConfigException(
          "max_num_batched_tokens and max_num_seqs make steps of up to "
              + request.maxRows()
              + " rows; backend cuda takes at most "
              + MAX_ROWS
              + ", so lower max_num_batched_tokens");
    }
    DType dtype = cacheDType(request.dtype(), request.checkpoint());
    return CudaBackend.open(
        new CudaOptions(
            request.device().ordinal().orElse(0),
            dtype,
            dtype,
            request.batchInvariant(),
            request.maxRows(),
            request.maxPageEntries()));
  }

  @Override
  public DType cacheDType(ComputeDType asked, Optional<DType> checkpoint) {
    return asked.or(DType.BF16);
  }

  @Override
  public String check(DeviceName device) {
    return CudaBackend.check(device.ordinal().orElse(0));
  }
}
