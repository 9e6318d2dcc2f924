package dev.questspark.job.run;

import dev.questspark.job.executor.ExecutorDeath;
import dev.questspark.job.output.RunEnd;
import dev.questspark.job.plugin.QuestDriverPlugin;
import dev.questspark.job.resources.ExecutorMemory;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;

/** Which executors a run had and lost; says at once what to do about a loss. */
final class ExecutorLosses extends SparkListener {
  private final PrintStream out;
  private final ExecutorMemory memory;
  private final List<RunEnd.Lost> lost = new ArrayList<>();

  private ExecutorLosses(PrintStream out, SparkContext spark) {
    this.out = out;
    this.memory = new ExecutorMemory(spark.conf());
  }

  /** Listens from now on, until whoever called removes it. */
  static ExecutorLosses of(SparkContext spark, PrintStream out) {
    ExecutorLosses losses = new ExecutorLosses(out, spark);
    spark.addSparkListener(losses);
    return losses;
  }

  @Override
  public synchronized void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
    ExecutorDeath death = new ExecutorDeath(removed.reason());
    if (death.intended()) {
      return;
    }
    String host = QuestDriverPlugin.hosts().getOrDefault(removed.executorId(), "an unknown host");
    lost.add(new RunEnd.Lost(removed.executorId(), host, removed.reason()));
    out.printf(
        "executor %s on %s is lost (%s)%s%n",
        removed.executorId(),
        host,
        removed.reason().lines().findFirst().orElse(""),
        death
            .advice(memory.heap(), memory.overheadMib() + "m")
            .map(advice -> ": " + advice)
            .orElse(""));
  }

  /** So far. */
  synchronized int count() {
    return lost.size();
  }

  synchronized RunEnd.Executors executors() {
    return new RunEnd.Executors(
        new TreeSet<>(QuestDriverPlugin.hosts().values()), List.copyOf(lost));
  }
}
