package dev.questspark.engine.ops.prefill;

/** What the segment that ends a document reads: a list as the others, or every block before it. */
public enum LastSegment {
  SPARSE,
  DENSE
}
