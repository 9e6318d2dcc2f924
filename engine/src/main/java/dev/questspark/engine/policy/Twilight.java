package dev.questspark.engine.policy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prune.TokenPruning;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.PrunedTokens;
import dev.questspark.engine.select.ScoredPages;
import dev.questspark.engine.select.SelectionScratch;
import dev.questspark.engine.select.SelectionUnit;
import java.util.Set;

/**
 * Twilight (arXiv 2502.02770): of the tokens that Quest would read, the fewest that reach a share p
 * of the attention weight, estimated from keys in 4 bits. A head whose attention is concentrated
 * reads few tokens and one whose attention is spread out reads many, so that nobody has to guess a
 * budget. Where we differ: one list per KV head, the union of what its query heads need.
 */
@Description(
    "Reads, of the tokens that Quest would read, the fewest that reach a share of the attention"
        + " weight, estimated from 4-bit keys (Twilight, arXiv 2502.02770). On the CPU.")
public record Twilight(
    @Parameter(
            defaultValue = "0.9",
            description =
                "Share of the candidates' weight that every query head reads, above 0, at most 1.")
        double p,
    @Parameter(
            defaultValue = "1024",
            description = "Candidate tokens per KV head and layer, chosen as Quest does.")
        int budget,
    @Parameter(
            defaultValue = "64",
            description = "Tokens read at least, where there are as many candidates.")
        int floor,
    @Parameter(
            defaultValue = "0",
            description =
                "Tokens read at most, 0 for no limit; what is always read counts and stays.")
        int ceiling,
    @Parameter(
            defaultValue = PageScores.DEFAULT,
            description = "Score of a digest block, for the candidates.")
        PageScore score,
    @Parameter(
            defaultValue = SelectionUnit.DEFAULT,
            description = "What candidates are chosen by: digest blocks, or pages.")
        SelectionUnit unit,
    @Parameter(defaultValue = "4", description = "First tokens that are always read.") int sink,
    @Parameter(
            defaultValue = "0",
            description = "Last tokens that are always read; the row's own always is.")
        int recent)
    implements ReadPolicy {

  public Twilight {
    ReadPolicies.KNOWN.require(
        p > 0 && p <= 1, Twilight.class, "p", p, "a number above 0 and at most 1");
    ReadPolicies.KNOWN.atLeast(1, Twilight.class, "budget", budget);
    ReadPolicies.KNOWN.atLeast(0, Twilight.class, "floor", floor);
    ReadPolicies.KNOWN.require(
        ceiling == 0 || ceiling >= floor && ceiling > 0,
        Twilight.class,
        "ceiling",
        ceiling,
        "0 for no limit, or at least floor " + floor);
    ReadPolicies.KNOWN.atLeast(0, Twilight.class, "sink", sink);
    ReadPolicies.KNOWN.atLeast(0, Twilight.class, "recent", recent);
  }

  @Override
  public PageSelector selector(PageShape shape) {
    return new PrunedTokens(
        new ScoredPages(
            score, GroupReduction.MAX, TokenBudget.in(unit.tokens(shape), budget, sink, recent)),
        new TokenPruning(p, floor, ceiling, sink, recent, 0));
  }

  @Override
  public Set<PageScore> digests() {
    return Set.of(score);
  }

  @Override
  public Set<SelectionScratch> scratch() {
    return Set.of(SelectionScratch.TOKEN_LISTS, SelectionScratch.INT4_KEYS);
  }

  @Override
  public void requireRunsOn(DeviceName device) {
    if (!device.equals(DeviceName.CPU)) {
      throw new ConfigException(
          "policy "
              + text()
              + " has no kernels for backend "
              + device
              + " yet; use backend "
              + DeviceName.CPU
              + " or another policy");
    }
  }

  /** With the candidates: they are no budget that is read. */
  @Override
  public String family() {
    return ReadPolicies.KNOWN.shortText(this) + " of " + budget;
  }
}
