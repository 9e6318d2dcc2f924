package dev.questspark.job.infer;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.job.corpus.Defect;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionException;

/**
 * Which failure fails what: a {@link DocumentException} its row, a {@link ConfigException} the job,
 * with its sentence; anything else is a bug and fails the task as itself.
 */
public final class FailurePolicy {
  private FailurePolicy() {}

  /** The defect of a row whose completion failed; rethrows what is not the document's fault. */
  static Defect defect(Throwable failure) {
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
    Set<Throwable> seen = new HashSet<>();
    for (Throwable cause = failure; cause != null && seen.add(cause); cause = cause.getCause()) {
      if (cause instanceof ConfigException config) {
        return Optional.of(config);
      }
    }
    return Optional.empty();
  }
}
