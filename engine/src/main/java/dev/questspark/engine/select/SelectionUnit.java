package dev.questspark.engine.select;

import dev.questspark.engine.ops.PageShape;

/** What a selector chooses one by one. */
public enum SelectionUnit {
  /** A digest block. */
  BLOCK,
  /** A page, by the best of its digest blocks. */
  PAGE;

  /** Where no other is named. */
  public static final String DEFAULT = "block";

  /** Tokens of a unit. */
  public int tokens(PageShape shape) {
    return this == BLOCK ? shape.digestBlockSize() : shape.pageSize();
  }
}
