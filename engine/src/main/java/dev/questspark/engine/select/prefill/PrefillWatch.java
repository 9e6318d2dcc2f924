package dev.questspark.engine.select.prefill;

/** Watches which key blocks a document's rows read while it is prefilled, layer by layer. */
@FunctionalInterface
public interface PrefillWatch {
  /**
   * Called on the engine thread when a step's lists are made, before its rows attend, and again
   * when a preempted document is replayed.
   */
  void see(PrefillView view);
}
