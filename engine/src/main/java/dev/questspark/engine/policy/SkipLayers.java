package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.select.DenseFirstLayers;
import dev.questspark.engine.select.PageSelector;

/** The first layers read every key, by their real index; the others as another policy says. */
@Description("Leaves the first layers dense; the others read as the policy inside says.")
public record SkipLayers(
    @Parameter(defaultValue = "2", description = "First layers that stay dense.") int layers,
    @Parameter(description = "What the other layers read.") ReadPolicy policy)
    implements PolicyWrapper {

  public SkipLayers {
    ReadPolicies.KNOWN.atLeast(1, SkipLayers.class, "layers", layers);
  }

  @Override
  public PageSelector selector(PageShape shape) {
    return new DenseFirstLayers(layers, new Dense().selector(shape), policy.selector(shape));
  }

  @Override
  public String leavesDense() {
    return layers + (layers == 1 ? " dense layer" : " dense layers");
  }
}
