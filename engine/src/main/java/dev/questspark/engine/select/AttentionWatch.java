package dev.questspark.engine.select;

/** Watches the attention of one question, layer by layer. */
@FunctionalInterface
public interface AttentionWatch {
  /**
   * Called on the engine thread before the rows attend, and again when a preempted question is
   * replayed.
   */
  void see(AttentionView view);
}
