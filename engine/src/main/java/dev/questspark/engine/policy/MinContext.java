package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.select.PageSelector;

/** Short contexts read every key; longer ones as another policy says. */
@Description("Leaves short contexts dense; longer ones read as the policy inside says.")
public record MinContext(
    @Parameter(description = "Contexts of fewer tokens stay dense.") int tokens,
    @Parameter(description = "What longer contexts read.") ReadPolicy policy)
    implements PolicyWrapper {

  public MinContext {
    ReadPolicies.KNOWN.atLeast(1, MinContext.class, "tokens", tokens);
  }

  @Override
  public PageSelector selector(PageShape shape) {
    return policy.selector(shape).wholeBelow(tokens);
  }

  @Override
  public String leavesDense() {
    return "dense below " + tokens + " tokens";
  }
}
