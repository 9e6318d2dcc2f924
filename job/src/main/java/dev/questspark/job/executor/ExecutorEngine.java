package dev.questspark.job.executor;

import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.model.ModelWeights;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.stats.StepStats;
import dev.questspark.engine.study.WatchedRequests;
import dev.questspark.engine.tokens.HfTokenizer;
import dev.questspark.engine.tokens.SameTokens;
import dev.questspark.engine.tokens.Tokenizer;
import dev.questspark.job.prompt.ChatPrompts;
import dev.questspark.job.prompt.PromptTokenizer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The one engine of an executor JVM for one run, opened by the first task that needs it, shared by
 * all tasks, closed when the JVM ends or when another run begins. A static field is the only thing
 * that tasks of an executor share.
 */
public final class ExecutorEngine {
  private static final Logger LOG = LoggerFactory.getLogger(ExecutorEngine.class);

  /** What tells two engines apart. */
  private record Key(String runId, EngineConfig config) {}

  private static final Map<Key, ExecutorEngine> OPEN = new HashMap<>();
  private static boolean hooked;

  private final String id;
  private final Engine engine;
  private final WatchedRequests watched;
  private final StepTrace trace;
  private final long openedNanos = System.nanoTime();
  private final LatestStep latest;
  private int leases;

  private ExecutorEngine(
      String id, Engine engine, WatchedRequests watched, StepTrace trace, LatestStep latest) {
    this.id = id;
    this.watched = watched;
    this.engine = engine;
    this.trace = trace;
    this.latest = latest;
  }

  /** Keeps an engine's latest step for {@link #activity}. */
  private static final class LatestStep implements Consumer<StepStats> {
    private volatile StepStats step;

    @Override
    public void accept(StepStats next) {
      step = next;
    }
  }

  /** A task's use of the engine; the trace of its steps is complete when nobody uses it. */
  public final class Lease implements AutoCloseable {
    private boolean closed;

    /** The engine, open as long as the lease. */
    public Engine engine() {
      return engine;
    }

    /** Whose attention the engine lets others see. */
    public WatchedRequests watched() {
      return watched;
    }

    /** Tells this engine from those of other executors. */
    public String engineId() {
      return id;
    }

    @Override
    public void close() {
      synchronized (OPEN) {
        if (!closed) {
          closed = true;
          leases--;
          if (leases == 0) {
            trace.completeFile();
            if (engine.failure().isPresent()) {
              engine.close();
            }
          }
        }
      }
    }
  }

  /** A lease on the device that the run's options name. */
  public static Lease lease(InferSettings settings, String executorId) {
    return lease(settings, executorId, settings.device());
  }

  /**
   * Opens the engine if this is the first lease of the run and device in this JVM; other tasks wait
   * meanwhile. An engine that has failed is not given out again: a task that Spark repeats gets a
   * new one.
   *
   * @param executorId Spark's name for this JVM
   * @param backend which device
   * @throws dev.questspark.engine.failure.ConfigException when the engine cannot open
   */
  static Lease lease(InferSettings settings, String executorId, String backend) {
    Key key = new Key(settings.runId(), settings.engineConfig(backend));
    synchronized (OPEN) {
      ExecutorEngine shared = OPEN.get(key);
      if (shared != null && shared.engine.failure().isPresent()) {
        OPEN.remove(key); // whoever still holds it closes it
        shared = null;
      }
      if (shared == null) {
        Tokenizer tokenizer = check(key, settings); // a mistake must not close a warm engine
        closeIdle(key);
        shared = open(key, settings, tokenizer, engineId(settings.runId(), executorId, backend));
        OPEN.put(key, shared);
        closeWithTheJvm();
      }
      shared.leases++;
      return shared.new Lease();
    }
  }

  /** An executor with several GPUs has as many engines, each with a report and a trace. */
  private static String engineId(String runId, String executorId, String backend) {
    int colon = backend.indexOf(':');
    return runId + "-" + executorId + (colon < 0 ? "" : "-" + backend.substring(colon + 1));
  }

  /** What can be told before any weight is loaded. */
  private static Tokenizer check(Key key, InferSettings settings) {
    Path model = key.config.model();
    ModelWeights.check(model, ModelConfigReader.read(model, key.config.configOverrides()));
    Tokenizer tokenizer = HfTokenizer.open(model);
    PromptTokenizer.check(settings.options().prompt(), settings.templates(), model, tokenizer);
    return tokenizer;
  }

  private static ExecutorEngine open(
      Key key, InferSettings settings, Tokenizer tokenizer, String id) {
    StepTrace trace =
        new StepTrace(settings.stepsFolder(), settings.runId(), id, settings.hadoop().value());
    String said = ChatPrompts.said(settings.options().prompt(), key.config.model());
    if (!said.isEmpty()) {
      LOG.info(said);
    }
    key.config.readerModel().ifPresent(it -> SameTokens.require(key.config.model(), it));
    LatestStep latest = new LatestStep();
    WatchedRequests watched = new WatchedRequests();
    Engine engine = Engine.open(key.config, tokenizer, trace.andThen(latest), watched);
    try {
      // Tasks make their own; made here once, it refuses what would fail each of them.
      PromptTokenizer.of(settings.options(), settings.templates(), engine);
      return new ExecutorEngine(id, engine, watched, trace, latest);
    } catch (RuntimeException unusable) {
      engine.close();
      throw unusable;
    }
  }

  /**
   * Makes room for a new engine: other runs' engines close, and this run's on the same device.
   * Those of this run on other devices are between two of their tasks.
   */
  private static void closeIdle(Key wanted) {
    for (Iterator<Map.Entry<Key, ExecutorEngine>> all = OPEN.entrySet().iterator();
        all.hasNext(); ) {
      Map.Entry<Key, ExecutorEngine> candidate = all.next();
      boolean beside =
          candidate.getKey().runId.equals(wanted.runId)
              && !candidate.getKey().config.device().equals(wanted.config.device());
      if (candidate.getValue().leases == 0 && !beside) {
        candidate.getValue().engine.close();
        all.remove();
      }
    }
  }

  /** What the open engines of this JVM are doing and have done. */
  public static EngineActivity activity() {
    synchronized (OPEN) {
      long now = System.nanoTime();
      return OPEN.values().stream()
          .map(
              shared ->
                  EngineActivity.of(
                      shared.engine.report(),
                      shared.leases == 0 ? null : shared.latest.step,
                      now - shared.openedNanos))
          .reduce(EngineActivity.NONE, EngineActivity::plus);
    }
  }

  /**
   * Closes the engines of this JVM that no task uses; the next task opens its own anew.
   *
   * @return how many
   */
  public static int closeIdle() {
    synchronized (OPEN) {
      int before = OPEN.size();
      OPEN.values()
          .removeIf(
              shared -> {
                boolean idle = shared.leases == 0;
                if (idle) {
                  shared.engine.close();
                }
                return idle;
              });
      return before - OPEN.size();
    }
  }

  /** Closes all engines of this JVM; what tasks still ask of them fails. */
  public static void closeAll() {
    synchronized (OPEN) {
      OPEN.values().forEach(shared -> shared.engine.close());
      OPEN.clear();
    }
    LOG.debug("engines closed");
  }

  private static void closeWithTheJvm() {
    if (!hooked) {
      hooked = true;
      Runtime.getRuntime()
          .addShutdownHook(new Thread(ExecutorEngine::closeAll, "quest-engine-close"));
    }
  }
}
