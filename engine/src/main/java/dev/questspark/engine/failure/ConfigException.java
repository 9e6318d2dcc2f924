package dev.questspark.engine.failure;

/**
 * The job or engine cannot start as configured. Thrown before any work; the message names the
 * setting or file, the value found, and the remedy, in one sentence fit for a user. An illegal
 * argument, because that is what PySpark shows as one sentence.
 */
public final class ConfigException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  public ConfigException(String message) {
    super(message);
  }

  public ConfigException(String message, Throwable cause) {
    super(message, cause);
  }
}
