package dev.questspark.engine.model.family;

/** Where queries and keys are normalised. */
public enum QkNorm {
  /** Nowhere. */
  NONE,
  /** Each head by itself, before the rotation. */
  HEAD,
  /** All heads of a row together, before the rotation. */
  ROW,
  /** Each head by itself, after the rotation. */
  HEAD_AFTER_ROTATION
}
