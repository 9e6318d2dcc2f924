package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.select.KeptPages;
import dev.questspark.engine.select.PageSelector;

/** Dense attention: every page. */
@Description("Reads every key: dense attention, with which everything else is compared.")
public record Dense() implements ReadPolicy {
  /** Its registered name, for what has the same one. */
  public static final String NAME = "dense";

  @Override
  public PageSelector selector(PageShape shape) {
    return new KeptPages(PageBudget.all(shape.pageSize()));
  }

  @Override
  public boolean dense() {
    return true;
  }
}
