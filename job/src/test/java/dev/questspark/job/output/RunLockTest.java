package dev.questspark.job.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.locks.LockSupport;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One run at a time in an output folder, and a dead one does not hold it for ever. */
@Tag("spark")
class RunLockTest {
  @TempDir Path folder;
  private OutputFolder output;

  @BeforeEach
  void open() {
    output = new OutputFolder(folder.toString(), new Configuration());
  }

  private void leave(String host, long pid, Duration age) throws IOException {
    Path lock = folder.resolve("_lock");
    Files.writeString(
        lock,
        """
        {"runId": "dead", "host": "%s", "pid": %d, "processStart": "2026-01-01T00:00:00Z", \
        "since": "2026-11-25T01:00:00Z"}"""
            .formatted(host, pid));
    Files.setLastModifiedTime(lock, FileTime.from(Instant.now().minus(age)));
    Files.createDirectories(folder.resolve("_uncommitted/dead"));
  }

  @Test
  void ofManyRunsOneGetsTheFolder() throws Exception {
    ExecutorService runs = Executors.newFixedThreadPool(8);
    try {
      List<Callable<RunLock>> tries = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        String run = "run-" + i;
        tries.add(() -> output.lock(run, () -> {}));
      }
      int held = 0;
      for (Future<RunLock> one : runs.invokeAll(tries)) {
        try {
          one.get();
          held++;
        } catch (java.util.concurrent.ExecutionException refused) {
          assertThat(refused.getCause())
              .isInstanceOf(ConfigException.class)
              .hasMessageContaining("is in use by run run-");
        }
      }
      assertThat(held).isEqualTo(1);
    } finally {
      runs.shutdownNow();
    }
  }

  /** Another run has just created its lock; who comes then still reads whose it is. */
  @Test
  void aLockThatIsBeingWrittenIsWaitedFor() throws Exception {
    Files.createFile(folder.resolve("_lock"));
    Thread writer =
        new Thread(
            () -> {
              LockSupport.parkNanos(Duration.ofMillis(100).toNanos());
              try {
                leave("elsewhere", 1, Duration.ZERO);
              } catch (IOException unwritable) {
                throw new UncheckedIOException(unwritable);
              }
            });
    writer.start();
    assertThatThrownBy(() -> output.lock("mine", () -> {}))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("run dead on elsewhere");
    writer.join();
  }

  @Test
  void aRunElsewhereIsBelievedUntilItHasBeenSilentForLong() throws IOException {
    leave("elsewhere", 1, RunLock.PATIENCE.minusSeconds(20));
    assertThatThrownBy(() -> output.lock("mine", () -> {}))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("run dead on elsewhere")
        .hasMessageContaining("60 s after its last sign of life");

    leave("elsewhere", 1, RunLock.PATIENCE.plusSeconds(1));
    try (RunLock mine = output.lock("mine", () -> {})) {
      assertThat(Files.readString(folder.resolve("_lock"))).contains("mine");
      // what the dead run may still have under way has lost its way into answers/
      assertThat(folder.resolve("_uncommitted/dead")).doesNotExist();
      assertThat(mine.lost()).isFalse();
    }
    assertThat(folder.toFile().list()).containsExactly("_uncommitted");
  }

  @Test
  void aProcessOfThisMachineThatIsGoneHoldsNothing() throws IOException {
    String host = java.net.InetAddress.getLocalHost().getHostName();
    leave(host, ProcessHandle.current().pid(), Duration.ZERO); // same number, started another time
    try (RunLock mine = output.lock("mine", () -> {})) {
      assertThat(Files.readString(folder.resolve("_lock"))).contains("mine");
      assertThat(mine.lost()).isFalse();
    }
  }

  /** A scheduler's retry on another host comes long before the dead run counts as dead. */
  @Test
  void whoWaitsGetsWhatIsReleasedOrLeft() throws Exception {
    leave("elsewhere", 1, RunLock.PATIENCE.minusSeconds(2));
    try (RunLock mine = output.lock("mine", () -> {}, Duration.ofSeconds(30))) {
      assertThat(Files.readString(folder.resolve("_lock"))).contains("mine");
      assertThat(mine.lost()).isFalse();
    }
    RunLock held = output.lock("first", () -> {});
    long started = System.nanoTime();
    assertThatThrownBy(() -> output.lock("mine", () -> {}, Duration.ofSeconds(1)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("is in use by run first", "--wait-for-lock");
    assertThat(System.nanoTime() - started).isGreaterThan(Duration.ofSeconds(1).toNanos());
    Thread release =
        new Thread(
            () -> {
              LockSupport.parkNanos(Duration.ofMillis(200).toNanos());
              try {
                held.close();
              } catch (IOException unwritable) {
                throw new UncheckedIOException(unwritable);
              }
            });
    release.start();
    try (RunLock mine = output.lock("mine", () -> {}, Duration.ofSeconds(30))) {
      assertThat(mine.lost()).isFalse();
    }
    release.join();
  }
}
