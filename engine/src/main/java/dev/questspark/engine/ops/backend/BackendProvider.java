package dev.questspark.engine.ops.backend;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import java.util.Optional;

/**
 * One kind of hardware, found by {@link java.util.ServiceLoader}. A provider has a public
 * constructor without arguments and loads nothing of its backend before {@link #open} or {@link
 * #check}: every provider on the class path is asked for its name.
 */
public interface BackendProvider {
  /** The word that option {@code backend} has for it, in lower case. */
  String name();

  /** Whether a host may have several of its devices, so that {@code name:N} means one of them. */
  boolean numbered();

  /**
   * Opens a device. What was asked for is what runs; there is no fallback.
   *
   * @throws ConfigException if it is not there, or cannot do what was asked for
   */
  Backend open(BackendRequest request);

  /**
   * Element type of the cache of keys and values that {@link #open} would make; loads no device.
   *
   * @param checkpoint type of the model's weights, where it says one
   */
  DType cacheDType(ComputeDType asked, Optional<DType> checkpoint);

  /**
   * Checks that a device of this host can be opened, and gives it back.
   *
   * @return what was found, in one line
   * @throws ConfigException if it cannot
   */
  String check(DeviceName device);
}
