package dev.questspark.engine.failure;

/**
 * The device refused or lost work. When {@link #sticky()}, the context is gone for good: every
 * later call in this process fails too, so the executor must end and be replaced; otherwise only
 * the step that was under way is lost.
 */
public final class DeviceException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String status;
  private final boolean sticky;

  /**
   * Names the status, and what was asked of the device.
   *
   * @param status the driver's name for it, such as {@code CUDA_ERROR_ILLEGAL_ADDRESS}
   * @param doing op, grid, block and arguments, or the call
   */
  public DeviceException(String status, boolean sticky, String doing, Throwable cause) {
    super(
        status
            + " in "
            + doing
            + (sticky ? "; the device context is lost, this process cannot use it again" : ""),
        cause);
    this.status = status;
    this.sticky = sticky;
  }

  /** The driver's name for what went wrong. */
  public String status() {
    return status;
  }

  /** Whether the context is lost. */
  public boolean sticky() {
    return sticky;
  }
}
