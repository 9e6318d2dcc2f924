package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.select.KeptPages;
import dev.questspark.engine.select.PageSelector;
import java.util.OptionalInt;

/**
 * The kept set of StreamingLLM (arXiv 2309.17453): the first tokens and the last ones, whatever the
 * query. The negative control: it cannot find a fact in the middle. Keeps whole pages: those of the
 * sink tokens, and the most recent ones up to the budget.
 */
@Description(
    "Reads the first and the last tokens, whatever is asked: the control that cannot find a fact in"
        + " the middle (the kept set of StreamingLLM, arXiv 2309.17453).")
public record SinkRecent(
    @Parameter(description = "Tokens read per KV head and layer, kept ones included.") int budget,
    @Parameter(
            defaultValue = "4",
            description = "First tokens that are always read, by whole pages.")
        int sink)
    implements ReadPolicy {

  public SinkRecent {
    ReadPolicies.KNOWN.atLeast(1, SinkRecent.class, "budget", budget);
    ReadPolicies.KNOWN.atLeast(0, SinkRecent.class, "sink", sink);
  }

  @Override
  public PageSelector selector(PageShape shape) {
    return new KeptPages(TokenBudget.in(shape.pageSize(), budget, sink, 0));
  }

  @Override
  public OptionalInt kvBudget() {
    return OptionalInt.of(budget);
  }
}
