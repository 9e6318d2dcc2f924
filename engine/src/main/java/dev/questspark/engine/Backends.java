package dev.questspark.engine;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendRequest;
import dev.questspark.engine.ops.backend.DeviceName;

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
