package dev.questspark.engine.policy.cache.tokens;

/** Where a kept token stands for the rotary embedding, once tokens before it were left out. */
public enum Positions {
  /** Where it stood in the whole prompt (SpecPrefill's form, arXiv 2502.02789). */
  ORIGINAL,
  /** Counted anew, without gaps (GemFilter's form, arXiv 2409.17422). */
  COMPACTED;

  /** The default of a policy, as users write it. */
  public static final String DEFAULT = "original";
}
