package dev.questspark.job.plugin;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.executor.Admission;
import dev.questspark.job.executor.EngineActivity;
import dev.questspark.job.executor.ExecutorDeath;
import dev.questspark.job.executor.ExecutorEngine;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.SparkContext;
import org.apache.spark.api.plugin.DriverPlugin;
import org.apache.spark.api.plugin.PluginContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorAdded;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The driver's side: ends the jobs when an executor finds a fault in the configuration. */
public final class QuestDriverPlugin extends SparkListener implements DriverPlugin {
  private static final Logger LOG = LoggerFactory.getLogger(QuestDriverPlugin.class);

  /**
   * Of the JVM's latest Spark context, of which there is one at a time. Static, because Spark hands
   * out neither its plugins nor the reason for which a job was cancelled.
   */
  private static volatile RuntimeException refusal;

  /** Executor to host, of the same context, those included that are gone. */
  private static final Map<String, String> HOSTS = new ConcurrentHashMap<>();

  private final Map<String, EngineActivity> executors = new ConcurrentHashMap<>();
  private final Set<String> readyHosts = ConcurrentHashMap.newKeySet();
  private final Quarantine quarantine = new Quarantine();
  private final BarrenExecutors barren = new BarrenExecutors();
  private SparkContext spark;

  /**
   * Why executors cannot do the work, if they cannot: a {@link ConfigException} where options are
   * to blame. Whatever job failed then failed for that. Told once.
   */
  public static Optional<RuntimeException> takeRefusal() {
    Optional<RuntimeException> taken = Optional.ofNullable(refusal);
    refusal = null;
    return taken;
  }

  /** Executor to host, of all executors that the application has had. */
  public static Map<String, String> hosts() {
    return Map.copyOf(HOSTS);
  }

  @Override
  public Map<String, String> init(SparkContext context, PluginContext plugin) {
    refusal = null;
    HOSTS.clear();
    spark = context;
    context.addSparkListener(this);
    return Map.of();
  }

  /** The whole application's engines; where driver and executor are one JVM, its own. */
  @Override
  public void registerMetrics(String applicationId, PluginContext plugin) {
    EngineMetrics.register(
        plugin.metricRegistry(), spark.isLocal() ? ExecutorEngine::activity : this::activity);
  }

  private EngineActivity activity() {
    return executors.values().stream().reduce(EngineActivity.NONE, EngineActivity::plus);
  }

  @Override
  public Object receive(Object message) {
    if (message instanceof ExecutorMessage.Active active) {
      executors.put(active.executorId(), active.activity());
    } else if (message instanceof ExecutorMessage.Ready ready) {
      readyHosts.add(ready.host());
    } else if (message instanceof ExecutorMessage.Begins begins) {
      Admission.Verdict verdict =
          quarantine.begins(begins.executorId(), begins.key(), begins.alone());
      if (verdict == Admission.Verdict.QUARANTINED) {
        barren.answered();
      }
      return verdict.name(); // not the enum: see ExecutorMessage
    } else if (message instanceof ExecutorMessage.Ended ended) {
      quarantine.ended(ended.executorId(), ended.key());
      barren.answered();
    } else if (message instanceof ExecutorMessage.Refused refused) {
      take(refused);
    }
    return null;
  }

  /**
   * A host on which an executor has started before is configured right: what is missing there now
   * was lost, and Spark's limits on failing executors decide. Elsewhere new executors would fail
   * one after the other, so that the jobs end.
   */
  private void take(ExecutorMessage.Refused refused) {
    String where = "executor " + refused.executorId() + " on " + refused.host();
    if (readyHosts.contains(refused.host())) {
      LOG.warn("{} cannot start again: {}", where, refused.sentence());
      return;
    }
    end(new ConfigException(refused.sentence() + " (" + where + ")"));
  }

  private void end(RuntimeException reason) {
    if (refusal == null) {
      refusal = reason;
    }
    if (!spark.isStopped()) { // executors that start late still refuse
      spark.cancelAllJobs();
    }
  }

  /** The job that starts between two others when the refusal arrives must not wait for ever. */
  @Override
  public void onJobStart(SparkListenerJobStart job) {
    if (refusal != null) {
      spark.cancelJob(job.jobId());
    }
  }

  @Override
  public void onExecutorAdded(SparkListenerExecutorAdded added) {
    HOSTS.put(added.executorId(), added.executorInfo().executorHost());
    barren.added(added.executorId());
  }

  @Override
  public void onExecutorRemoved(SparkListenerExecutorRemoved removed) {
    executors.remove(removed.executorId());
    ExecutorDeath death = new ExecutorDeath(removed.reason());
    quarantine.lost(removed.executorId(), death);
    if (!death.intended()) {
      barren
          .lost(removed.executorId(), death)
          .ifPresent(sentence -> end(new IllegalStateException(sentence)));
    }
  }
}
