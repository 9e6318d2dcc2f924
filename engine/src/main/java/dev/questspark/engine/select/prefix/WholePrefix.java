package dev.questspark.engine.select.prefix;

import dev.questspark.engine.ops.PageList;

/** All of it: dense attention. */
public final class WholePrefix implements PrefixSelector {

  @Override
  public boolean select(PageList list, Query query) {
    return false;
  }
}
