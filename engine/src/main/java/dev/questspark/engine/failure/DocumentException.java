package dev.questspark.engine.failure;

/** One document or question cannot be answered; it becomes an error row and the job goes on. */
public final class DocumentException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final ErrorCode code;

  public DocumentException(ErrorCode code, String message) {
    super(message);
    this.code = code;
  }

  /** The documented code that goes into the row. */
  public ErrorCode code() {
    return code;
  }
}
