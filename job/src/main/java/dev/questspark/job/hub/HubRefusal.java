package dev.questspark.job.hub;

import dev.questspark.engine.checkpoint.HubCache.Id;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;

/** What the hub says no to, in one sentence with the remedy. */
final class HubRefusal {
  private static final int UNAUTHORIZED = 401;
  private static final int FORBIDDEN = 403;
  private static final int NOT_FOUND = 404;

  private HubRefusal() {}

  /** Whether an answer is final; others may be better a little later. */
  static boolean isFinal(int status) {
    return status >= 400 && status < 500 && status != 408 && status != 429;
  }

  /**
   * The refusal.
   *
   * @param code of the hub's header {@code X-Error-Code}; null without one
   */
  static ConfigException of(int status, String code, Id id, HubSettings hub) {
    String model = "model " + id + ": " + hub.endpoint();
    boolean token = hub.token().isPresent();
    String page = hub.endpoint() + "/" + id.repository();
    if ("GatedRepo".equals(code)) {
      return new ConfigException(
          model
              + " gives it only to those who accepted its terms; accept them at "
              + page
              + (token
                  ? " with the account of the token in use (HF_TOKEN)."
                  : " and set HF_TOKEN to a token of that account."));
    }
    if ("RevisionNotFound".equals(code)) {
      return new ConfigException(
          model + " has no revision " + id.revision() + " of it; give a branch, tag or commit.");
    }
    if (status == UNAUTHORIZED || status == FORBIDDEN) {
      return new ConfigException(
          model
              + " answers "
              + status
              + (token
                  ? ": no such model, or the token in use (HF_TOKEN) may not read it; check both."
                  : ": no such model, or one that needs a token; check the name, and set HF_TOKEN to"
                      + " a token that may read it."));
    }
    if (status == NOT_FOUND) {
      return new ConfigException(
          model + " has no such model, and no folder here has that name; check --model.");
    }
    return new ConfigException(model + " answers " + status + "; check --model and HF_ENDPOINT.");
  }

  /** Neither here nor to be asked for. */
  static ConfigException offline(Id id, HubSettings hub) {
    return new ConfigException(
        "model "
            + id
            + " is no folder here and is not complete in the Hugging Face cache "
            + hub.cache()
            + ", and HF_HUB_OFFLINE is set; unset it, or run \"hf download "
            + id.repository()
            + "\" where there is a network.");
  }

  /** Neither here nor within reach. */
  static ConfigException unreachable(Id id, HubSettings hub, Exception failure) {
    return new ConfigException(
        "model "
            + id
            + " is no folder here and is not complete in the Hugging Face cache "
            + hub.cache()
            + ", and "
            + hub.endpoint()
            + " cannot be used ("
            + reason(failure)
            + "); run again when it can, set HF_ENDPOINT to a mirror, or give a folder.",
        failure);
  }

  /** Our own failures are sentences; of others the kind is told too. */
  static String reason(Exception failure) {
    String message = String.valueOf(failure.getMessage());
    return failure.getClass() == IOException.class
        ? message
        : failure.getClass().getSimpleName() + ": " + message;
  }
}
