package dev.questspark.job.executor;

import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Why an executor is gone, in Spark's words, which are all that a listener gets.
 *
 * @param reason such as {@code Command exited with code 134}
 */
public record ExecutorDeath(String reason) {
  private static final Pattern EXIT_CODE =
      Pattern.compile("(?i)(?:code|exit status|exit code):?\\s*(-?\\d+)");
  private static final Pattern MEMORY_LIMIT =
      Pattern.compile("(?i)memory limit|OOMKilled|container OOM|physical memory used");

  /** Spark's own, of an executor whose heap was full. */
  private static final int OUT_OF_HEAP = 52;

  private static final int KILLED = 137;

  /**
   * Of a process that ended by itself: Spark's for uncaught errors, the JVM's for a full heap
   * ({@code ExitOnOutOfMemoryError}), and 128 plus SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE and
   * SIGSEGV.
   */
  private static final Set<Integer> BY_ITSELF =
      Set.of(3, 50, 51, OUT_OF_HEAP, 132, 133, 134, 135, 136, 139);

  /** Whether somebody asked for it: the driver, or dynamic allocation. */
  public boolean intended() {
    return reason.startsWith("Executor killed by driver") || reason.contains("decommission");
  }

  OptionalInt exitCode() {
    Matcher code = EXIT_CODE.matcher(reason);
    return code.find() ? OptionalInt.of(Integer.parseInt(code.group(1))) : OptionalInt.empty();
  }

  private boolean overLimit() {
    return MEMORY_LIMIT.matcher(reason).find();
  }

  /**
   * Whether the process ended itself, by an abort, a full heap or its container's limit. A kill
   * from outside, a lost node and a lost device are nothing that a document does.
   */
  public boolean byItself() {
    OptionalInt code = exitCode();
    return overLimit() || code.isPresent() && BY_ITSELF.contains(code.getAsInt());
  }

  /**
   * What to do where memory may be the cause; empty where it is not.
   *
   * @param memory heap of an executor, as Spark's conf has it
   * @param overhead memory beside it, as Spark's conf has it
   */
  public Optional<String> advice(String memory, String overhead) {
    int code = exitCode().orElse(0);
    if (code == OUT_OF_HEAP || code == 3) {
      return Optional.of(
          "its heap was full: raise spark.executor.memory, which is "
              + memory
              + ", or lower --kv-cache-memory-bytes");
    }
    if (overLimit() || code == KILLED) {
      return Optional.of(
          "it was killed, as containers and hosts do when memory ends: raise"
              + " spark.executor.memoryOverhead, which is "
              + overhead);
    }
    return byItself()
        ? Optional.of(
            "its process aborted; the end of its stderr says why, and where it was memory, raise"
                + " spark.executor.memoryOverhead, which is "
                + overhead)
        : Optional.empty();
  }
}
