package dev.questspark.engine.stats;

/** What a row of a step is for. Every phase has its own clock. */
public enum Phase {
  /** A document token: dense, computed once per document. */
  PREFILL,
  /** A question token, or a generated token replayed after a preemption. */
  QUESTION,
  /** A generated token's own step. */
  DECODE
}
