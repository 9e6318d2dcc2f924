package dev.questspark.job.executor;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.apache.spark.SparkContext;

/** The engine of a driver that is its own executor, opening while the driver does other things. */
public final class OpeningEngine implements AutoCloseable {
  private static final String EXECUTOR_ID = "driver";

  private final CompletableFuture<ExecutorEngine.Lease> lease;

  private OpeningEngine(CompletableFuture<ExecutorEngine.Lease> lease) {
    this.lease = lease;
  }

  /**
   * Begins to open the engine, or takes a lease on one that is open. On a cluster, where the driver
   * has no engine, there is nothing to wait for.
   */
  public static OpeningEngine begin(InferSettings settings, SparkContext spark) {
    if (!spark.isLocal()) {
      return new OpeningEngine(CompletableFuture.completedFuture(null));
    }
    return new OpeningEngine(
        CompletableFuture.supplyAsync(
            () -> ExecutorEngine.lease(settings, EXECUTOR_ID),
            task -> new Thread(task, "quest-engine-open").start()));
  }

  /**
   * Waits until the engine is open.
   *
   * @throws dev.questspark.engine.failure.ConfigException when it cannot open
   */
  public void await() {
    try {
      lease.join();
    } catch (CompletionException failed) {
      throw failed.getCause() instanceof RuntimeException cause ? cause : failed;
    }
  }

  /** Gives the lease back, once the engine is open. */
  @Override
  public void close() {
    lease.handle((open, failure) -> open).thenAccept(OpeningEngine::closeIfOpen).join();
  }

  private static void closeIfOpen(ExecutorEngine.Lease open) {
    if (open != null) {
      open.close();
    }
  }
}
