package dev.questspark.engine.policy.cache.tokens;

/** Rows behind a document whose attention says what matters of it. */
public enum AskingRows {
  /** All rows of the prompt behind the document. */
  SUFFIX,
  /** The question and what stands before it, without what the template puts behind it. */
  QUESTION;

  /** The default of a policy, as users write it. */
  public static final String DEFAULT = "suffix";
}
