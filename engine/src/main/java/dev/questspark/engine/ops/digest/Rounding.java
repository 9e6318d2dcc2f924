package dev.questspark.engine.ops.digest;

/** How a vector of a digest is rounded to 8 bits. */
public enum Rounding {
  /** To the next lower value: a lower bound stays one. */
  DOWN,
  /** To the nearest value, ties to even. */
  NEAREST,
  /** To the next higher value: an upper bound stays one. */
  UP
}
