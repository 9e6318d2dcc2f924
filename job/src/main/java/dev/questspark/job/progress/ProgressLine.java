package dev.questspark.job.progress;

import dev.questspark.job.executor.ExecutorDeath;
import dev.questspark.job.infer.RunCounters;
import java.io.PrintStream;
import java.util.HashMap;
import java.util.Map;
import org.apache.spark.scheduler.AccumulableInfo;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorMetricsUpdate;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.util.LongAccumulator;
import scala.jdk.javaapi.CollectionConverters;

/**
 * A line about the running job, from the counters that executors send with every heartbeat, so that
 * tasks which are not finished count too. On a terminal it renews itself; in a log it is a line
 * every now and then.
 */
public final class ProgressLine extends SparkListener implements AutoCloseable {
  private static final double NANOS_PER_S = 1e9;
  private static final long LOG_EVERY_NANOS = 15_000_000_000L;
  private static final int BAR_CHARACTERS = 20;

  private final PrintStream out;
  private final boolean terminal;
  private final RunCounters counters;
  private final long expectedDocuments;
  private final long expectedRows;
  private final long startedNanos = System.nanoTime();

  /** When the first rows were counted: before that, engines opened. */
  private long anchorNanos;

  private long anchorRows;
  private int executorsLost;

  /** Task to its latest counter values; ended tasks stay, failed ones are taken out. */
  private final Map<Long, long[]> tasks = new HashMap<>();

  private long printedNanos;
  private int printedWidth;

  /**
   * @param terminal whether the line may be overwritten
   * @param expectedDocuments documents of the whole run
   * @param expectedRows answer rows of the whole run
   */
  public ProgressLine(
      PrintStream out,
      boolean terminal,
      RunCounters counters,
      long expectedDocuments,
      long expectedRows) {
    this.out = out;
    this.terminal = terminal;
    this.counters = counters;
    this.expectedDocuments = expectedDocuments;
    this.expectedRows = expectedRows;
  }

  @Override
  public synchronized void onExecutorMetricsUpdate(SparkListenerExecutorMetricsUpdate heartbeat) {
    CollectionConverters.asJava(heartbeat.accumUpdates())
        .forEach(update -> take((Long) update._1(), CollectionConverters.asJava(update._4())));
    print(false);
  }

  @Override
  public synchronized void onTaskEnd(SparkListenerTaskEnd end) {
    if (end.reason() == org.apache.spark.Success$.MODULE$) {
      take(
          end.taskInfo().taskId(),
          CollectionConverters.asJava(end.taskInfo().accumulables().toSeq()));
    } else {
      tasks.remove(end.taskInfo().taskId());
    }
    print(false);
  }

  /** Rows of its tasks that were not committed count no more. */
  @Override
  public synchronized void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
    executorsLost += new ExecutorDeath(removed.reason()).intended() ? 0 : 1;
  }

  private void take(long task, Iterable<AccumulableInfo> updates) {
    long[] values = tasks.getOrDefault(task, new long[counters.shown().size()]);
    boolean ours = false;
    for (AccumulableInfo update : updates) {
      for (int i = 0; i < values.length; i++) {
        LongAccumulator counter = counters.shown().get(i);
        if (update.id() == counter.id() && update.update().isDefined()) {
          values[i] = (Long) update.update().get();
          ours = true;
        }
      }
    }
    if (ours) {
      tasks.put(task, values);
    }
  }

  /** The driver has all counts of a finished job before its listeners have heard of every task. */
  private long sum(int counter, boolean last) {
    long heard = tasks.values().stream().mapToLong(values -> values[counter]).sum();
    return last ? Math.max(heard, counters.shown().get(counter).value()) : heard;
  }

  private void print(boolean last) {
    long now = System.nanoTime();
    long rows = sum(1, last);
    if (rows == 0 || (!terminal && !last && now - printedNanos < LOG_EVERY_NANOS)) {
      return;
    }
    printedNanos = now;
    double seconds = (now - startedNanos) / NANOS_PER_S;
    String line =
        "%d/%d documents, %d/%d answers, %s prompt tok/s, %s generated tok/s, %d errors%s, %s"
            .formatted(
                sum(0, last),
                expectedDocuments,
                rows,
                expectedRows,
                Quantities.count(sum(4, last) / seconds),
                Quantities.count(sum(3, last) / seconds),
                sum(2, last),
                executorsLost == 0
                    ? ""
                    : ", " + Quantities.counted(executorsLost, "executor") + " lost",
                last ? Quantities.duration(seconds) : "ETA " + timeLeft(now, rows));
    if (terminal) {
      line = bar(rows) + " " + line;
      out.print("\r" + line + " ".repeat(Math.max(0, printedWidth - line.length())));
      printedWidth = line.length();
      out.flush();
    } else {
      out.println(line);
    }
  }

  /** At the rate since the first rows; nothing is known before the next ones. */
  private String timeLeft(long now, long rows) {
    if (anchorNanos == 0 || rows < anchorRows) {
      anchorNanos = now;
      anchorRows = rows;
    }
    double perRow = (now - anchorNanos) / NANOS_PER_S / Math.max(1, rows - anchorRows);
    return rows == anchorRows
        ? "-"
        : Quantities.duration(perRow * Math.max(0, expectedRows - rows));
  }

  private String bar(long rows) {
    int done = (int) Math.min(BAR_CHARACTERS, BAR_CHARACTERS * rows / Math.max(1, expectedRows));
    String filled =
        done == BAR_CHARACTERS ? "=".repeat(done) : "=".repeat(Math.max(0, done - 1)) + ">";
    return "[" + filled + " ".repeat(BAR_CHARACTERS - filled.length()) + "]";
  }

  /** Prints the last state and leaves the line. */
  @Override
  public synchronized void close() {
    print(true);
    if (terminal && printedWidth > 0) {
      out.println();
    }
  }
}
