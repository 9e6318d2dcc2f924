package dev.questspark.engine.policy.cache.tokens;

/** Who reads a document before its tokens are chosen. */
public enum ReaderKind {
  /** The model's own first layers. */
  LAYERS,
  /** A second, smaller model with the same tokenizer. */
  MODEL;

  /** The default of a policy, as users write it. */
  public static final String DEFAULT = "layers";
}
