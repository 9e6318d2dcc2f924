package dev.questspark.engine;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.ModelConfig;
import dev.questspark.engine.ops.Backend;
import dev.questspark.engine.ops.BackendOptions;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.ops.cuda.CudaBackend;
import dev.questspark.engine.ops.cuda.CudaOptions;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The hardware that an engine runs on, by name: {@code cpu}, {@code cuda} (the first GPU) or {@code
 * cuda:N}. What was asked for is what runs, or opening fails; there is no fallback.
 */
public final class Backends {
  private static final Logger LOG = LoggerFactory.getLogger(Backends.class);
  private static final String CUDA = "cuda";

  private Backends() {}

  /**
   * Opens the backend that the configuration names.
   *
   * @param model decides an automatic dtype, together with the processor
   * @param maxModelLen tokens per sequence, for the largest page table of a step
   * @throws ConfigException if it is unknown, or not there
   */
  static Backend open(EngineConfig config, ModelConfig model, int maxModelLen) {
    if (config.backend().equals("cpu")) {
      DType dtype = dtype(config, automatic(model));
      if (config.dtype().equals("auto")) {
        LOG.info(
            "dtype auto: {}, for a checkpoint in {} on a processor {} bfloat16 products",
            optionName(dtype),
            model.dtype().map(DType::toString).orElse("no stated type"),
            CpuBackend.multipliesBf16Natively() ? "with" : "without");
      }
      return CpuBackend.open(
          new BackendOptions(
              config.threads(), dtype, weightDType(config, dtype), config.batchInvariant()));
    }
    if (weightDType(config, DType.BF16) == DType.I8) {
      throw new ConfigException(
          "weight_dtype int8 is for backend cpu, and the backend is "
              + config.backend()
              + "; use auto");
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

  /**
   * On the CPU, a half-precision checkpoint is computed in bfloat16 where the processor multiplies
   * that itself: twice as fast, with half the memory for weights and cache. Anything else in float.
   */
  private static DType automatic(ModelConfig model) {
    boolean half = model.dtype().filter(dtype -> dtype != DType.F32).isPresent();
    return half && CpuBackend.multipliesBf16Natively() ? DType.BF16 : DType.F32;
  }

  /** How the option {@code dtype} spells a type. */
  static String optionName(DType dtype) {
    return switch (dtype) {
      case F32 -> "float32";
      case BF16 -> "bfloat16";
      case F16 -> "float16";
      case I8 -> "int8";
    };
  }

  /**
   * Checks that a backend can open on this host, and gives it back. For a GPU: the driver, the
   * device and the kernels.
   *
   * @return what was found, in one line
   * @throws ConfigException if it is unknown, or cannot open
   */
  public static String check(String backend) {
    return backend.equals("cpu") ? backend : CudaBackend.check(device(backend));
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

  private static DType weightDType(EngineConfig config, DType automatic) {
    return switch (config.weightDType()) {
      case "auto" -> automatic;
      case "int8" -> DType.I8;
      default ->
          throw new ConfigException(
              "weight_dtype '" + config.weightDType() + "' is unknown; known: auto, int8");
    };
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
