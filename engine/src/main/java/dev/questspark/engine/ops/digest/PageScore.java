package dev.questspark.engine.ops.digest;

import java.io.Serializable;

/**
 * How the digest of a block of keys is made, and turned into a score for a query q. A digest is a
 * pair of vectors of D channels each. A score is one dot product of that pair, 2 D channels, with a
 * vector folded from the query once per (row, query head). {@link PageScores} has them all; a CUDA
 * kernel knows one by its {@link #code}.
 */
public interface PageScore extends Serializable {

  /** The name that options and policies use. */
  String name();

  /** The number by which kernels know it, from 0 on without gaps. */
  int code();

  /** How the first vector is rounded to 8 bits. */
  Rounding first();

  /** How the second vector is rounded to 8 bits. */
  Rounding second();

  /**
   * Makes a block's digest from its first {@code tokens} keys, at least one. A channel's keys are
   * taken in token order, so that the bits depend on the keys alone.
   *
   * @param pair receives both vectors, one behind the other
   * @param keys (headDim, slots)
   */
  void digest(float[] pair, float[] keys, int headDim, int slots, int tokens);

  /**
   * Folds a query head: the score is the dot product of the pair and the folded query.
   *
   * @param folded receives 2 * headDim channels from {@code to} on
   * @param query headDim channels from {@code from} on
   */
  void fold(float[] folded, int to, float[] query, int from, int headDim);
}
