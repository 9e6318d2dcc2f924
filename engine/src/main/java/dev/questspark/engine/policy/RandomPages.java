package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.select.HostScore;
import dev.questspark.engine.select.HostScoredPages;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.SelectionUnit;
import java.util.OptionalInt;

/** Random units beside those that Quest always keeps: a score must beat them. */
@Description(
    "Reads at random, drawn anew at every step: a control for eval and sweep on the CPU, which a"
        + " score must beat.")
public record RandomPages(
    @Parameter(description = "Tokens read per KV head and layer, kept ones included.") int budget,
    @Parameter(defaultValue = "0", description = "Seed of the draw.") int seed,
    @Parameter(
            defaultValue = SelectionUnit.DEFAULT,
            description = "What is read as a whole: a digest block or a page.")
        SelectionUnit unit,
    @Parameter(
            defaultValue = "4",
            description = "First tokens that are always read, by whole units.")
        int sink,
    @Parameter(
            defaultValue = "0",
            description = "Last tokens that are always read; the current unit always is.")
        int recent)
    implements ReadPolicy {

  public RandomPages {
    ReadPolicies.KNOWN.atLeast(1, RandomPages.class, "budget", budget);
    ReadPolicies.KNOWN.atLeast(0, RandomPages.class, "sink", sink);
    ReadPolicies.KNOWN.atLeast(0, RandomPages.class, "recent", recent);
  }

  @Override
  public PageSelector selector(PageShape shape) {
    return new HostScoredPages(
        HostScore.random(seed), TokenBudget.in(unit.tokens(shape), budget, sink, recent));
  }

  @Override
  public OptionalInt kvBudget() {
    return OptionalInt.of(budget);
  }

  @Override
  public boolean control() {
    return true;
  }
}
