package dev.questspark.job.output;

import com.google.gson.Gson;
import com.google.gson.JsonSyntaxException;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One run at a time in an output folder: a file {@code _lock} that exactly one run can create, that
 * names it and that it renews while it lives. The lock of a run that has died is taken over: at
 * once if its process was on this machine and is gone, otherwise {@link #PATIENCE} after its last
 * sign of life. Ages are differences of the file system's own times, so that clocks need not agree.
 *
 * <p>Creating the file is exclusive on HDFS and on POSIX file systems. An object store may let two
 * runs that start within the same second both through; there the second to renew its lock sees the
 * other's name and ends.
 */
public final class RunLock implements AutoCloseable {
  /** A run that has not renewed its lock for so long counts as dead. */
  static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final Logger LOG = LoggerFactory.getLogger(RunLock.class);
  private static final long RENEWAL_SECONDS = 10;

  /** Between a lock's creation and its text there is a moment; a second is plenty. */
  private static final int WRITING_POLLS = 50;

  private static final long WRITING_POLL_NANOS = 20_000_000;

  private static final long WAITING_POLL_NANOS = 1_000_000_000;

  /** What the file says. */
  private record Holder(String runId, String host, long pid, String processStart, String since) {
    static Holder self(String runId) {
      return new Holder(
          runId,
          machine(),
          ProcessHandle.current().pid(),
          start(ProcessHandle.current()),
          Instant.now().toString());
    }

    private static String start(ProcessHandle process) {
      return process.info().startInstant().map(Instant::toString).orElse("");
    }

    /** Whether its process was on this machine and is not there any more. */
    boolean gone() {
      return host.equals(machine())
          && ProcessHandle.of(pid).filter(found -> start(found).equals(processStart)).isEmpty();
    }
  }

  private final FileSystem files;
  private final Path file;
  private final Holder self;
  private final ScheduledExecutorService renewal =
      Executors.newSingleThreadScheduledExecutor(
          work -> {
            Thread thread = new Thread(work, "run-lock");
            thread.setDaemon(true);
            return thread;
          });
  private volatile boolean lost;

  private RunLock(FileSystem files, Path file, Holder self) {
    this.files = files;
    this.file = file;
    this.self = self;
  }

  /**
   * Where the lock is.
   *
   * @param now the file system's time, in milliseconds
   */
  record Place(FileSystem files, Path file, LongSupplier now) {}

  /**
   * Takes the lock.
   *
   * @param wait how long to wait for another run
   * @param lost called once if another run takes the lock over
   * @return what the caller must close
   * @throws ConfigException when another run holds it
   * @throws IOException when the folder cannot be written
   */
  static RunLock take(Place place, String runId, Duration wait, Takeover takeover, Runnable lost)
      throws IOException {
    RunLock lock = new RunLock(place.files, place.file, Holder.self(runId));
    long end = System.nanoTime() + wait.toNanos();
    while (!lock.create()) {
      Optional<Holder> holder = lock.readWritten();
      if (holder.isEmpty() && !place.files.exists(place.file)) {
        continue; // just released
      }
      Optional<Duration> age = lock.age(place.now);
      if (age.isEmpty()) {
        continue;
      }
      boolean gone = holder.map(Holder::gone).orElse(false);
      if (!gone && age.get().compareTo(PATIENCE) < 0) {
        if (System.nanoTime() >= end) {
          throw lock.refusal(holder, age.get());
        }
        LOG.info("waiting for {}", holder.map(run -> "run " + run.runId).orElse("another run"));
        LockSupport.parkNanos(WAITING_POLL_NANOS);
        continue;
      }
      lock.takeOver(holder, takeover);
    }
    lock.renewal.scheduleAtFixedRate(
        () -> lock.renew(lost), RENEWAL_SECONDS, RENEWAL_SECONDS, TimeUnit.SECONDS);
    return lock;
  }

  /** Since the last sign of life; empty when the lock has just been released. */
  private Optional<Duration> age(LongSupplier now) throws IOException {
    try {
      long written = files.getFileStatus(file).getModificationTime();
      return Optional.of(Duration.ofMillis(Math.max(0, now.getAsLong() - written)));
    } catch (java.io.FileNotFoundException released) {
      return Optional.empty();
    }
  }

  /** Makes sure that a dead run can commit nothing more. */
  @FunctionalInterface
  interface Takeover {
    void fence(String deadRunId) throws IOException;
  }

  /** Whether another run has taken the output folder over. */
  public boolean lost() {
    return lost;
  }

  private ConfigException refusal(Optional<Holder> holder, Duration age) {
    return new ConfigException(
        "Output "
            + OutputFolder.shown(file.getParent())
            + " is in use by "
            + holder
                .map(run -> "run " + run.runId + " on " + run.host + " since " + run.since)
                .orElse("another run")
            + " (last sign of life "
            + age.toSeconds()
            + " s ago). Wait for it with --wait-for-lock, or choose another --output; if it has died,"
            + " it is taken over "
            + PATIENCE.toSeconds()
            + " s after its last sign of life.");
  }

  private boolean create() throws IOException {
    byte[] text = new Gson().toJson(self).getBytes(StandardCharsets.UTF_8);
    try {
      if (file.toUri().getScheme().equals("file")) { // Hadoop's own looks first and creates then
        Files.write(
            java.nio.file.Path.of(file.toUri()),
            text,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.WRITE);
      } else {
        write(text, false);
      }
      return true;
    } catch (FileAlreadyExistsException | org.apache.hadoop.fs.FileAlreadyExistsException held) {
      return false;
    }
  }

  private void write(byte[] text, boolean overwrite) throws IOException {
    try (var out = files.create(file, overwrite)) {
      out.write(text);
    }
  }

  /** Empty when there is no lock, or when it is being written. */
  private Optional<Holder> read() {
    try (var in = files.open(file)) {
      return Optional.ofNullable(
          new Gson().fromJson(new String(in.readAllBytes(), StandardCharsets.UTF_8), Holder.class));
    } catch (IOException | JsonSyntaxException none) {
      return Optional.empty();
    }
  }

  /** As {@link #read}, after a moment if the lock is being written. */
  private Optional<Holder> readWritten() throws IOException {
    Optional<Holder> holder = read();
    for (int i = 0; i < WRITING_POLLS && holder.isEmpty() && files.exists(file); i++) {
      LockSupport.parkNanos(WRITING_POLL_NANOS);
      holder = read();
    }
    return holder;
  }

  /** Of several runs that find the same dead one, the one that can rename its lock goes on. */
  private void takeOver(Optional<Holder> dead, Takeover takeover) throws IOException {
    Path aside = new Path(file.getParent(), "_lock." + self.runId);
    if (!renamed(aside)) {
      return; // another was faster; look again
    }
    String name = dead.map(run -> run.runId).orElse("");
    LOG.info("run {} has died; its output folder is taken over", name);
    if (!name.isEmpty()) {
      takeover.fence(name);
    }
    files.delete(aside, false);
  }

  private boolean renamed(Path aside) throws IOException {
    try {
      return files.rename(file, aside);
    } catch (java.io.FileNotFoundException gone) {
      return false;
    }
  }

  private void renew(Runnable whenLost) {
    try {
      Optional<Holder> holder = read();
      boolean ours =
          holder.isPresent() ? holder.get().runId.equals(self.runId) : files.exists(file);
      if (!ours) {
        lost = true;
        renewal.shutdown();
        whenLost.run();
      } else {
        write(new Gson().toJson(self).getBytes(StandardCharsets.UTF_8), true);
      }
    } catch (IOException unwritable) {
      LOG.warn("the lock {} cannot be renewed: {}", file, unwritable.getMessage());
    }
  }

  private static String machine() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException unnamed) {
      return "unknown";
    }
  }

  /** Gives the folder free, unless another run has it. */
  @Override
  public void close() throws IOException {
    renewal.shutdownNow();
    try {
      renewal.awaitTermination(RENEWAL_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException stopped) {
      Thread.currentThread().interrupt();
    }
    if (read().map(holder -> holder.runId.equals(self.runId)).orElse(false)) {
      files.delete(file, false);
    }
  }
}
