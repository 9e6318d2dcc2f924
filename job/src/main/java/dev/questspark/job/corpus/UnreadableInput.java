package dev.questspark.job.corpus;

import dev.questspark.job.path.GivenPath;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The file behind a failed Spark job, which Spark names in the middle of its causes. */
public final class UnreadableInput {
  private static final Pattern FILE =
      Pattern.compile("(?:reading file|[Ff]ooter for file):? (\\S+?)[.,:;]*(?:\\s|$)");

  /** A class of a compression that is not there. */
  private static final Pattern CODEC = Pattern.compile("(\\w+\\.)+\\w*Codec\\b");

  private UnreadableInput() {}

  /**
   * One sentence about the file and what the innermost cause says of it, if that is what it was.
   */
  public static Optional<String> sentence(Throwable failure) {
    String file = null;
    String reason = null;
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      String message = String.valueOf(cause.getMessage());
      Matcher named = FILE.matcher(message);
      if (file == null && named.find()) {
        file = GivenPath.ofUri(named.group(1)).toString(); // file:///x and file:/x are one
      }
      reason = message.lines().findFirst().orElse(message).strip();
    }
    if (file == null) {
      return Optional.empty();
    }
    return Optional.of(
        "File "
            + file
            + " cannot be read ("
            + reason.replace(file, "it")
            + (CODEC.matcher(reason).find()
                ? "); put that codec on Spark's class path with --jars, or write the file with another."
                : "); repair or remove it."));
  }
}
