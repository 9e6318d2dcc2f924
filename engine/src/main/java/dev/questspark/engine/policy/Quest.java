package dev.questspark.engine.policy;

import dev.questspark.engine.ops.GroupReduction;
import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.ScoredPages;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Quest (arXiv 2406.10774, section 3): score every page by its digest, read the best. Where we
 * differ: one list per KV head instead of per query head, so that grouped-query models really read
 * fewer bytes; sink and recent tokens may be kept; scores stay in float.
 */
@Description("Scores every page by its digest and reads the best (Quest, arXiv 2406.10774).")
public record Quest(
    @Parameter(description = "Tokens read per KV head and layer, kept ones included.") int budget,
    @Parameter(
            defaultValue = "minmax",
            description =
                "Score of a page from its digest: Quest's bound, or mean + standard deviation.")
        PageScore score,
    @Parameter(
            defaultValue = "max",
            description = "How query heads that share a KV head agree on one page list.")
        GroupReduction reduction,
    @Parameter(
            defaultValue = "4",
            description = "First tokens that are always read, by whole pages.")
        int sink,
    @Parameter(
            defaultValue = "0",
            description = "Last tokens that are always read; the current page always is.")
        int recent)
    implements ReadPolicy {

  public Quest {
    ReadPolicies.KNOWN.atLeast(1, Quest.class, "budget", budget);
    ReadPolicies.KNOWN.atLeast(0, Quest.class, "sink", sink);
    ReadPolicies.KNOWN.atLeast(0, Quest.class, "recent", recent);
  }

  @Override
  public PageSelector selector(int pageSize) {
    return new ScoredPages(score, reduction, TokenBudget.inPages(budget, sink, recent, pageSize));
  }

  @Override
  public Set<PageScore> digests() {
    return Set.of(score);
  }

  @Override
  public OptionalInt kvBudget() {
    return OptionalInt.of(budget);
  }
}
