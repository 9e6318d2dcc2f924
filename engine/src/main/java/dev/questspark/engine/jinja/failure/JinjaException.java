package dev.questspark.engine.jinja.failure;

/** A template that cannot be parsed or rendered, in one sentence with its line. */
public final class JinjaException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final boolean located;

  public JinjaException(String message) {
    this(message, false);
  }

  private JinjaException(String message, boolean located) {
    super(message);
    this.located = located;
  }

  /** What the template itself said by {@code raise_exception}; its line helps nobody. */
  public static JinjaException raisedByTemplate(String message) {
    return new JinjaException(message, true);
  }

  /** A sentence that begins with its line. */
  public static JinjaException atLine(int line, String message) {
    return new JinjaException("line " + line + ": " + message, true);
  }

  /** This failure with its line, unless an inner construct has named it. */
  public JinjaException at(int line) {
    if (located) {
      return this;
    }
    JinjaException exception = atLine(line, getMessage());
    exception.setStackTrace(getStackTrace());
    return exception;
  }
}
