package dev.questspark.job.executor;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.DeviceException;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.job.corpus.Defect;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionException;

/**
 * Which failure fails what: a {@link DocumentException} its row, a {@link ConfigException} the job,
 * with its sentence; a {@link DeviceException} the task, and the executor too if the device is lost
 * for its process; anything else is a bug and fails the task as itself.
 */
public final class FailurePolicy {
  private static final String DRIVER = "driver";

  private FailurePolicy() {}

  /** The defect of a row whose completion failed; rethrows what is not the document's fault. */
  public static Defect defect(Throwable failure) {
    Throwable cause = failure;
    while (cause instanceof CompletionException && cause.getCause() != null) {
      cause = cause.getCause();
    }
    if (cause instanceof DocumentException refused) {
      return new Defect(refused.code(), refused.getMessage());
    }
    throw new CompletionException(cause);
  }

  /** The configuration error behind a failed Spark job, if that is what it was. */
  public static Optional<ConfigException> configError(Throwable failure) {
    return find(failure, ConfigException.class);
  }

  /** The device failure behind a failed task, if that is what it was. */
  public static Optional<DeviceException> deviceError(Throwable failure) {
    return find(failure, DeviceException.class);
  }

  /**
   * Whether a failed task must take its executor along: its process has lost the device for good,
   * and Spark would run the task there again and again.
   *
   * @param executorId Spark's name for this JVM; the driver of a local run stays
   */
  static boolean endsExecutor(Throwable failure, String executorId) {
    return !executorId.equals(DRIVER)
        && deviceError(failure).filter(DeviceException::sticky).isPresent();
  }

  private static <T extends Throwable> Optional<T> find(Throwable failure, Class<T> kind) {
    Set<Throwable> seen = new HashSet<>();
    for (Throwable cause = failure; cause != null && seen.add(cause); cause = cause.getCause()) {
      if (kind.isInstance(cause)) {
        return Optional.of(kind.cast(cause));
      }
    }
    return Optional.empty();
  }
}
