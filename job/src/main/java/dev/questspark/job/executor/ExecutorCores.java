package dev.questspark.job.executor;

import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How many cores Spark counts for the executor that this process is. */
final class ExecutorCores {
  /**
   * Every cluster manager starts an executor with it; a task's context tells its own cores only.
   */
  private static final Pattern CORES =
      Pattern.compile("ExecutorBackend\\b.*\\s--cores\\s+(\\d+)(?:\\s|$)");

  private ExecutorCores() {}

  /** Spark's number; the machine's processors where this process is no executor of a cluster. */
  static int ofThisProcess() {
    return in(System.getProperty("sun.java.command", ""))
        .orElseGet(Runtime.getRuntime()::availableProcessors);
  }

  /**
   * @param command main class and arguments
   */
  static OptionalInt in(String command) {
    Matcher cores = CORES.matcher(command);
    return cores.find() ? OptionalInt.of(Integer.parseInt(cores.group(1))) : OptionalInt.empty();
  }
}
