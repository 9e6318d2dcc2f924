package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.select.HostScore;
import dev.questspark.engine.select.HostScoredPages;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.SelectionScratch;
import java.util.OptionalInt;
import java.util.Set;

/**
 * The single tokens of the largest true attention weight, summed over the query heads that share a
 * KV head: what a perfect selection of tokens would read.
 */
@Description(
    "Reads the single tokens of the largest true attention weight, computed from all keys: the"
        + " oracle of every selection, a control for eval and sweep on the CPU.")
public record TrueTokens(
    @Parameter(description = "Tokens read per KV head and layer, kept ones included.") int budget,
    @Parameter(defaultValue = "4", description = "First tokens that are always read.") int sink,
    @Parameter(
            defaultValue = "0",
            description = "Last tokens that are always read; the row's own always is.")
        int recent)
    implements ReadPolicy {

  public TrueTokens {
    ReadPolicies.KNOWN.atLeast(1, TrueTokens.class, "budget", budget);
    ReadPolicies.KNOWN.atLeast(0, TrueTokens.class, "sink", sink);
    ReadPolicies.KNOWN.atLeast(0, TrueTokens.class, "recent", recent);
  }

  @Override
  public PageSelector selector(PageShape shape) {
    return new HostScoredPages(HostScore.trueMass(), TokenBudget.in(1, budget, sink, recent));
  }

  @Override
  public Set<SelectionScratch> scratch() {
    return Set.of(SelectionScratch.TOKEN_LISTS);
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
