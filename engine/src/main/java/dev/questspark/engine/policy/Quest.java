package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.ScoredPages;
import dev.questspark.engine.select.SelectionScratch;
import dev.questspark.engine.select.SelectionUnit;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Quest (arXiv 2406.10774, section 3): score keys by their digests, read the best. Where we differ:
 * one list per KV head instead of per query head, so that grouped-query models really read fewer
 * bytes; digests may describe less than a page; sink and recent tokens may be kept; scores stay in
 * float.
 */
@Description("Scores keys by their digests and reads the best (Quest, arXiv 2406.10774).")
public record Quest(
    @Parameter(description = "Tokens read per KV head and layer, kept ones included.") int budget,
    @Parameter(
            defaultValue = PageScores.DEFAULT,
            description = "Score of a digest block: Quest's bound, or mean + 3/4 deviation.")
        PageScore score,
    @Parameter(
            defaultValue = SelectionUnit.DEFAULT,
            description = "What is read as a whole: a digest block, or the page of a good one.")
        SelectionUnit unit,
    @Parameter(
            defaultValue = GroupReduction.DEFAULT,
            description = "How query heads that share a KV head agree on one list.")
        GroupReduction reduction,
    @Parameter(
            defaultValue = "4",
            description = "First tokens that are always read, by whole units.")
        int sink,
    @Parameter(
            defaultValue = "0",
            description = "Last tokens that are always read; the current unit always is.")
        int recent)
    implements ReadPolicy {

  public Quest {
    ReadPolicies.KNOWN.atLeast(1, Quest.class, "budget", budget);
    ReadPolicies.KNOWN.atLeast(0, Quest.class, "sink", sink);
    ReadPolicies.KNOWN.atLeast(0, Quest.class, "recent", recent);
  }

  @Override
  public PageSelector selector(PageShape shape) {
    return new ScoredPages(
        score, reduction, TokenBudget.in(unit.tokens(shape), budget, sink, recent));
  }

  @Override
  public Set<PageScore> digests() {
    return Set.of(score);
  }

  @Override
  public Set<SelectionScratch> scratch() {
    return reduction == GroupReduction.SOFTMAX ? Set.of(SelectionScratch.HEAD_SCORES) : Set.of();
  }

  @Override
  public OptionalInt kvBudget() {
    return OptionalInt.of(budget);
  }
}
