package dev.questspark.job.plugin;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.DeviceException;
import dev.questspark.job.executor.Admission;
import dev.questspark.job.executor.ExecutorEngine;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.plugin.ExecutorPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An executor's side: nothing is amiss before its first task, nothing is left after its last. */
public final class QuestExecutorPlugin implements ExecutorPlugin {
  private static final Logger LOG = LoggerFactory.getLogger(QuestExecutorPlugin.class);
  private static final String DRIVER = "driver";
  private static final long REPORT_EVERY_MILLIS = 2000;

  private ScheduledExecutorService reports;

  /**
   * Checks the executor. Spark ends one whose plugin fails here and starts another; so the driver
   * is told first, and ends the job if the fault is the configuration's.
   *
   * @throws ConfigException when something that the options name is not on this host
   */
  @Override
  public void init(PluginContext plugin, Map<String, String> unused) {
    // In a local run the job has checked before Spark started, and the driver has the gauges.
    if (plugin.executorID().equals(DRIVER)) {
      return;
    }
    if (ExecutorCheck.infers(plugin.conf(), plugin.resources())) {
      check(plugin);
    } else {
      LOG.info("executor {} has no GPU and reads documents only", plugin.executorID());
    }
    Admission.connect(new Books(plugin));
    EngineMetrics.register(plugin.metricRegistry(), ExecutorEngine::activity);
    reports = Executors.newSingleThreadScheduledExecutor(QuestExecutorPlugin::daemon);
    reports.scheduleWithFixedDelay(
        () -> report(plugin), REPORT_EVERY_MILLIS, REPORT_EVERY_MILLIS, TimeUnit.MILLISECONDS);
  }

  private static void check(PluginContext plugin) {
    // Not plugin.hostname(): an executor serves no RPC address, and Spark 4.1 fails over that.
    String host = SparkEnv.get().blockManager().blockManagerId().host();
    try {
      LOG.info(
          "executor {}: {}",
          plugin.executorID(),
          ExecutorCheck.of(plugin.conf(), plugin.resources()));
      ask(plugin, new ExecutorMessage.Ready(host));
    } catch (DeviceException lost) {
      throw lost; // nothing that an option names: Spark's limits on failing executors decide
    } catch (RuntimeException | LinkageError refused) {
      String sentence =
          refused instanceof ConfigException ? refused.getMessage() : refused.toString();
      ask(plugin, new ExecutorMessage.Refused(host, plugin.executorID(), sentence));
      throw refused;
    }
  }

  /** The driver's word on documents; without a driver the executor ends soon anyway. */
  private record Books(PluginContext plugin) implements Admission.Driver {
    @Override
    public Admission.Verdict begins(long key, boolean alone) {
      try {
        return Admission.Verdict.valueOf(
            (String) plugin.ask(new ExecutorMessage.Begins(plugin.executorID(), key, alone)));
      } catch (Exception unreachable) {
        LOG.warn("the driver was not asked for a document: {}", unreachable.toString());
        return Admission.Verdict.IN;
      }
    }

    @Override
    public void ended(long key) {
      try {
        plugin.send(new ExecutorMessage.Ended(plugin.executorID(), key));
      } catch (IOException | RuntimeException missed) {
        LOG.debug("the driver was not told of an answer: {}", missed.toString());
      }
    }
  }

  private static Thread daemon(Runnable work) {
    Thread thread = new Thread(work, "quest-metrics");
    thread.setDaemon(true);
    return thread;
  }

  /** Returns when the driver has taken it, so that a following exit cannot overtake. */
  private static void ask(PluginContext plugin, ExecutorMessage message) {
    try {
      plugin.ask(message);
    } catch (Exception unreachable) { // Spark's own connection will fail too, and says more
      LOG.warn("the driver did not take {}: {}", message, unreachable.toString());
    }
  }

  private static void report(PluginContext plugin) {
    try {
      plugin.send(new ExecutorMessage.Active(plugin.executorID(), ExecutorEngine.activity()));
    } catch (IOException | RuntimeException missed) {
      LOG.debug("metrics did not reach the driver: {}", missed.toString());
    }
  }

  @Override
  public void shutdown() {
    if (reports != null) {
      reports.shutdownNow();
    }
    ExecutorEngine.closeAll();
  }
}
