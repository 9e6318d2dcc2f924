package dev.questspark.engine;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendRequest;
import dev.questspark.engine.ops.backend.DeviceName;
import java.util.stream.IntStream;

/** The hardware that an engine runs on. */
public final class Backends {
  private Backends() {}

  /**
   * Opens the device that the configuration names. What was asked for is what runs, or opening
   * fails; there is no fallback.
   *
   * @param model decides an automatic dtype, together with the hardware
   * @param maxModelLen tokens per sequence, for the largest page table of a step
   * @param readTokens of the longest prompt that is read, likewise
   * @throws ConfigException if it is not there, or cannot do what the configuration asks for
   */
  static Backend open(EngineConfig config, ModelConfig model, int maxModelLen, int readTokens) {
    refuseWindows(config, model);
    int pagesPerSequence = (maxModelLen + config.pageSize() - 1) / config.pageSize();
    int readPages = (readTokens + config.pageSize() - 1) / config.pageSize();
    return config
        .device()
        .provider()
        .open(
            new BackendRequest(
                config.device(),
                config.threads(),
                config.dtype(),
                model.dtype(),
                config.weightDType(),
                config.batchInvariant(),
                config.maxNumBatchedTokens(),
                Math.max(readPages, Math.multiplyExact(config.maxNumSeqs(), pagesPerSequence))));
  }

  /** A GPU's block lists say nothing of how far back a window reaches. */
  private static void refuseWindows(EngineConfig config, ModelConfig model) {
    boolean lists = config.cachePolicies().stream().anyMatch(p -> p.prefill().isPresent());
    boolean windows = IntStream.range(0, model.layers()).anyMatch(l -> model.window(l) > 0);
    if (lists && windows && !config.device().equals(DeviceName.CPU)) {
      throw new ConfigException(
          "prefill reads lists of blocks on "
              + config.device()
              + " where no layer has a sliding window, but "
              + model.family()
              + " has some; use prefill dense or backend "
              + DeviceName.CPU);
    }
  }

  /**
   * Checks that a device can be opened on this host, and gives it back. For a GPU: the driver, the
   * device and the kernels.
   *
   * @return what was found, in one line
   * @throws ConfigException if it cannot open
   */
  public static String check(DeviceName device) {
    return device.provider().check(device);
  }
}
