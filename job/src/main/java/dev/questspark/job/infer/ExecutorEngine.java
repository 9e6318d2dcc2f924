package dev.questspark.job.infer;

import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.tokens.HfTokenizer;
import dev.questspark.engine.tokens.Tokenizer;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
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
  private final Prompts prompts;
  private final StepTrace trace;
  private int leases;

  private ExecutorEngine(String id, Engine engine, Prompts prompts, StepTrace trace) {
    this.id = id;
    this.engine = engine;
    this.prompts = prompts;
    this.trace = trace;
  }

  /** A task's use of the engine; the trace of its steps is complete when nobody uses it. */
  public final class Lease implements AutoCloseable {
    private boolean closed;

    Engine engine() {
      return engine;
    }

    Prompts prompts() {
      return prompts;
    }

    /** Tells this engine from those of other executors. */
    String engineId() {
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
          }
        }
      }
    }
  }

  /**
   * Opens the engine if this is the first lease of the run in this JVM; other tasks wait meanwhile.
   *
   * @param executorId Spark's name for this JVM
   * @throws dev.questspark.engine.failure.ConfigException when the engine cannot open
   */
  public static Lease lease(InferSettings settings, String executorId) {
    Key key = new Key(settings.runId(), settings.engineConfig());
    synchronized (OPEN) {
      ExecutorEngine shared = OPEN.get(key);
      if (shared == null) {
        closeIdle();
        shared = open(key, settings, settings.runId() + "-" + executorId);
        OPEN.put(key, shared);
        closeWithTheJvm();
      }
      shared.leases++;
      return shared.new Lease();
    }
  }

  private static ExecutorEngine open(Key key, InferSettings settings, String id) {
    StepTrace trace =
        new StepTrace(settings.stepsFolder(), settings.runId(), id, settings.hadoop().value());
    Tokenizer tokenizer = HfTokenizer.open(key.config.model());
    Engine engine = Engine.open(key.config, tokenizer, trace);
    try {
      return new ExecutorEngine(id, engine, Prompts.of(settings, engine), trace);
    } catch (RuntimeException unusable) {
      engine.close();
      throw unusable;
    }
  }

  private static void closeIdle() {
    for (Iterator<ExecutorEngine> all = OPEN.values().iterator(); all.hasNext(); ) {
      ExecutorEngine candidate = all.next();
      if (candidate.leases == 0) {
        candidate.engine.close();
        all.remove();
      }
    }
  }

  private static void closeWithTheJvm() {
    if (!hooked) {
      hooked = true;
      Runtime.getRuntime()
          .addShutdownHook(
              new Thread(
                  () -> {
                    synchronized (OPEN) {
                      OPEN.values().forEach(shared -> shared.engine.close());
                      OPEN.clear();
                    }
                    LOG.debug("engines closed");
                  },
                  "quest-engine-close"));
    }
  }
}
