package dev.questspark.engine.ops;

/**
 * The weight (and bias) of one {@code linear}, packed once in the layout and dtype the backend
 * computes with.
 */
public interface LinearWeight extends AutoCloseable {
  /** Output features N. */
  int outFeatures();

  /** Input features K. */
  int inFeatures();

  /** Bytes that it keeps resident. */
  long bytes();

  @Override
  void close();
}
