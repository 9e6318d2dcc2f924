package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.select.HostScore;
import dev.questspark.engine.select.HostScoredPages;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.SelectionUnit;
import java.util.OptionalInt;

/**
 * The units of the largest true attention weight, summed over the query heads that share a KV head:
 * what a perfect score of them would read.
 */
@Description(
    "Reads the pages or blocks of the largest true attention weight, computed from all keys: the"
        + " oracle of their scores, a control for eval and sweep on the CPU.")
public record TrueMass(
    @Parameter(description = "Tokens read per KV head and layer, kept ones included.") int budget,
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

  public TrueMass {
    ReadPolicies.KNOWN.atLeast(1, TrueMass.class, "budget", budget);
    ReadPolicies.KNOWN.atLeast(0, TrueMass.class, "sink", sink);
    ReadPolicies.KNOWN.atLeast(0, TrueMass.class, "recent", recent);
  }

  @Override
  public PageSelector selector(PageShape shape) {
    return new HostScoredPages(
        HostScore.trueMass(), TokenBudget.in(unit.tokens(shape), budget, sink, recent));
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
