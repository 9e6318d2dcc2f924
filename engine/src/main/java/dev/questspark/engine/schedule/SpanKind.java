package dev.questspark.engine.schedule;

/** What the rows of a span are; a span never mixes them. */
public enum SpanKind {
  /** Rows of a document. */
  PREFILL,
  /**
   * Rows of a question; after a preemption followed by the tokens that it had already generated.
   */
  QUESTION,
  /** One row: the token sampled last is appended and the next one is sampled. */
  DECODE
}
