package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.select.PageSelector;
import java.util.OptionalInt;
import java.util.Set;

/** Short contexts read every key; longer ones as another policy says. */
@Description("Leaves short contexts dense; longer ones read as the policy inside says.")
public record MinContext(
    @Parameter(description = "Contexts of fewer tokens stay dense.") int tokens,
    @Parameter(description = "What longer contexts read.") ReadPolicy policy)
    implements ReadPolicy {

  public MinContext {
    ReadPolicies.KNOWN.atLeast(1, MinContext.class, "tokens", tokens);
  }

  @Override
  public PageSelector selector(int pageSize) {
    return policy.selector(pageSize).wholeBelow(tokens);
  }

  @Override
  public Set<PageScore> digests() {
    return policy.digests();
  }

  @Override
  public OptionalInt kvBudget() {
    return policy.kvBudget();
  }

  @Override
  public boolean dense() {
    return policy.dense();
  }

  @Override
  public ReadPolicy unwrapped() {
    return policy.unwrapped();
  }

  @Override
  public String family() {
    return policy.family() + denseContexts();
  }

  @Override
  public String label() {
    return policy.label() + denseContexts();
  }

  private String denseContexts() {
    return ", dense below " + tokens + " tokens";
  }
}
