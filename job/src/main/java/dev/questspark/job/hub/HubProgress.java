package dev.questspark.job.hub;

import dev.questspark.engine.checkpoint.HubCache.Id;
import java.time.Duration;
import java.util.Locale;
import java.util.function.Consumer;

/** Tells how far a download is, every few seconds. */
final class HubProgress {
  private static final long BETWEEN_NANOS = Duration.ofSeconds(5).toNanos();
  private static final double NANOS_PER_S = 1e9;
  private static final String[] UNITS = {"bytes", "kB", "MB", "GB", "TB"};

  private final Id id;
  private final int files;
  private final long bytes;
  private final Consumer<String> log;
  private final long startedNanos = System.nanoTime();
  private long toldNanos = startedNanos;
  private long got;

  /**
   * @param bytes still to come
   */
  HubProgress(Id id, int files, long bytes, Consumer<String> log) {
    this.id = id;
    this.files = files;
    this.bytes = bytes;
    this.log = log;
  }

  void begins(String commit, HubSettings hub) {
    log.accept(
        "downloading model %s (commit %.8s, %d %s, %s) from %s to %s"
            .formatted(
                id,
                commit,
                files,
                files == 1 ? "file" : "files",
                size(bytes),
                hub.endpoint(),
                hub.cache()));
  }

  void got(String file, long more) {
    got += more;
    if (System.nanoTime() - toldNanos >= BETWEEN_NANOS) {
      toldNanos = System.nanoTime();
      log.accept(
          String.format(
              Locale.ROOT,
              "%s: %d %% of %s, %s/s (%s)",
              id,
              100 * Math.max(0, got) / Math.max(1, bytes),
              size(bytes),
              size((long) (got / seconds())),
              file));
    }
  }

  /** Bytes that have to come once more. */
  void lost(long again) {
    got -= again;
  }

  void ends() {
    log.accept(
        String.format(Locale.ROOT, "%s: %s in %.1f s", id, size(Math.max(0, got)), seconds()));
  }

  private double seconds() {
    return Math.max(1e-3, (System.nanoTime() - startedNanos) / NANOS_PER_S);
  }

  /** In decimal units, as the hub's pages have them. */
  static String size(long bytes) {
    int unit = 0;
    double value = bytes;
    while (value >= 1000 && unit < UNITS.length - 1) {
      value /= 1000;
      unit++;
    }
    return String.format(Locale.ROOT, unit < 2 ? "%.0f %s" : "%.1f %s", value, UNITS[unit]);
  }
}
