package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.select.KeptPages;
import dev.questspark.engine.select.PageSelector;

/** Dense attention: every page. */
@Description("Reads every key: dense attention, with which everything else is compared.")
public record Dense() implements ReadPolicy {
  @Override
  public PageSelector selector(int pageSize) {
    return new KeptPages(PageBudget.ALL);
  }

  @Override
  public boolean dense() {
    return true;
  }
}
