package dev.questspark.engine.ops;

/** A block of backend memory. Whoever allocates it closes it; closing twice is harmless. */
public interface Buffer extends AutoCloseable {
  /** Size in bytes. */
  long bytes();

  @Override
  void close();
}
