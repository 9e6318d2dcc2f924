package dev.questspark.engine.reader;

import dev.questspark.engine.policy.cache.tokens.ReaderKind;
import java.util.Map;

/** An engine's readers. */
public final class Readers implements AutoCloseable {
  /** Of an engine that reads nothing. */
  public static final Readers NONE = new Readers(Map.of());

  private final Map<ReaderKind, PromptReader> readers;

  Readers(Map<ReaderKind, PromptReader> readers) {
    this.readers = readers;
  }

  /** The reader of a kind that a planned policy names. */
  public PromptReader get(ReaderKind kind) {
    return readers.get(kind);
  }

  @Override
  public void close() {
    readers.values().forEach(PromptReader::close);
  }
}
