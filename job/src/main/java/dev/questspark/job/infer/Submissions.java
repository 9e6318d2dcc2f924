package dev.questspark.job.infer;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;

/** What one task has asked of the engine and not yet got back. */
final class Submissions {
  private final Engine engine;
  private final Set<CompletableFuture<Completion>> open = ConcurrentHashMap.newKeySet();

  Submissions(Engine engine) {
    this.engine = engine;
  }

  Engine engine() {
    return engine;
  }

  List<CompletableFuture<Completion>> submit(DocumentRequest request) {
    List<CompletableFuture<Completion>> completions = engine.submit(request);
    for (CompletableFuture<Completion> completion : completions) {
      open.add(completion);
      completion.whenComplete((done, failure) -> open.remove(completion));
    }
    return completions;
  }

  /** Gives up what is open, so that the engine stops working on it. */
  void cancel() {
    open.forEach(completion -> completion.cancel(false));
  }
}
