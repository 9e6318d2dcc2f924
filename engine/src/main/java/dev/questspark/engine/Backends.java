package dev.questspark.engine;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.Backend;
import dev.questspark.engine.ops.BackendOptions;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.ops.cuda.CudaBackend;
import dev.questspark.engine.ops.cuda.CudaOptions;

/**
 * The hardware that an engine runs on, by name: {@code cpu}, {@code cuda} (the first GPU) or {@code
 * cuda:N}. What was asked for is what runs, or opening fails; there is no fallback.
 */
final class Backends {
  private static final String CUDA = "cuda";

  private Backends() {}

  /**
   * Opens the backend that the configuration names.
   *
   * @param maxModelLen tokens per sequence, for the largest page table of a step
   * @throws ConfigException if it is unknown, or not there
   */
  static Backend open(EngineConfig config, int maxModelLen) {
    if (config.backend().equals("cpu")) {
      return CpuBackend.open(
          new BackendOptions(config.threads(), dtype(config, DType.F32), config.batchInvariant()));
    }
    DType dtype = dtype(config, DType.BF16);
    int pagesPerSequence = (maxModelLen + config.pageSize() - 1) / config.pageSize();
    return CudaBackend.open(
        new CudaOptions(
            device(config.backend()),
            dtype,
            dtype,
            config.batchInvariant(),
            config.maxNumBatchedTokens(),
            Math.multiplyExact(config.maxNumSeqs(), pagesPerSequence)));
  }

  /** N of {@code cuda:N}. */
  private static int device(String backend) {
    if (backend.equals(CUDA)) {
      return 0;
    }
    if (backend.matches(CUDA + ":[0-9]{1,4}")) {
      return Integer.parseInt(backend.substring(CUDA.length() + 1));
    }
    throw new ConfigException(
        "backend '" + backend + "' is unknown; known: cpu, cuda, cuda:N for the GPU of ordinal N");
  }

  private static DType dtype(EngineConfig config, DType automatic) {
    return switch (config.dtype()) {
      case "auto" -> automatic;
      case "float32" -> DType.F32;
      case "bfloat16" -> DType.BF16;
      default ->
          throw new ConfigException(
              "dtype '" + config.dtype() + "' is unknown; known: auto, float32, bfloat16");
    };
  }
}
