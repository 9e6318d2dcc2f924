package dev.questspark.job.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.launcher.JavaModuleOptions;

/**
 * A JVM on this test's class path, its output in a file; ends with the test's JVM at the latest.
 */
public final class TestProcess implements AutoCloseable {
  private static final long LOOK_MILLIS = 50;

  private final Process process;
  private final Path log;

  private TestProcess(Process process, Path log) {
    this.process = process;
    this.log = log;
  }

  /**
   * Starts a class's {@code main}.
   *
   * @param jvmOptions such as {@code -Xmx512m} or {@code -Dspark.master=local[2]}
   * @param environment on top of this process's
   * @param log receives standard output and error
   */
  public static TestProcess start(
      String mainClass,
      List<String> jvmOptions,
      Map<String, String> environment,
      Path log,
      String... args) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of(JavaModuleOptions.defaultModuleOptions().split(" ")));
    command.addAll(jvmOptions);
    command.add(ExitsWithParent.class.getName());
    command.add(mainClass);
    command.addAll(List.of(args));
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
    builder.environment().put("CLASSPATH", System.getProperty("java.class.path"));
    builder.environment().putAll(environment);
    try {
      return new TestProcess(builder.start(), log);
    } catch (IOException impossible) {
      throw new UncheckedIOException(mainClass, impossible);
    }
  }

  /** What the process has written so far. */
  public String log() {
    try {
      return Files.exists(log) ? Files.readString(log) : "";
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  /** Processes that this one has started and that still run: the executors of a worker. */
  public Stream<ProcessHandle> children() {
    return process.children();
  }

  public boolean running() {
    return process.isAlive();
  }

  /**
   * Waits for the end.
   *
   * @return exit code; 137 after SIGKILL
   */
  public int await(Duration longest) {
    try {
      if (!process.waitFor(longest.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new AssertionError("still running after " + longest + ":\n" + log());
      }
      return process.exitValue();
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(stopped);
    }
  }

  /** Waits until the log has the pattern; its first group, or the whole match without one. */
  public String awaitLine(Pattern pattern, Duration longest) {
    awaitThat(() -> pattern.matcher(log()).find(), longest, "line with " + pattern);
    Matcher matcher = pattern.matcher(log());
    if (!matcher.find()) {
      throw new IllegalStateException("the log lost its line with " + pattern);
    }
    return matcher.group(Math.min(1, matcher.groupCount()));
  }

  /** Waits for something that this process brings about. */
  public void awaitThat(BooleanSupplier there, Duration longest, String what) {
    long end = System.nanoTime() + longest.toNanos();
    while (!there.getAsBoolean()) {
      if (!process.isAlive() && !there.getAsBoolean()) {
        throw new AssertionError(
            "ended with " + process.exitValue() + ", no " + what + ":\n" + log());
      }
      if (System.nanoTime() > end) {
        throw new AssertionError("no " + what + " after " + longest + ":\n" + log());
      }
      pause();
    }
  }

  private static void pause() {
    try {
      Thread.sleep(LOOK_MILLIS);
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(stopped);
    }
  }

  /** SIGKILL: no shutdown hook runs. */
  public void kill() {
    process.destroyForcibly();
  }

  /** Kills the process and what it started. */
  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
    try {
      process.waitFor();
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
  }
}
