package dev.questspark.engine.policy;

/** The registry of read policies: one line each. */
public final class ReadPolicies {
  /** Every policy by its name. {@code all} and {@code none} are what others call dense. */
  public static final PolicyRegistry<ReadPolicy> KNOWN =
      new PolicyRegistry<>("policy", ReadPolicy.class)
          .add("dense", Dense.class, "all", "none")
          .add("quest", Quest.class)
          .add("twilight", Twilight.class)
          .add("sink_recent", SinkRecent.class)
          .add("random", RandomPages.class)
          .add("true_mass", TrueMass.class)
          .add("true_tokens", TrueTokens.class)
          .add("skip_layers", SkipLayers.class)
          .add("min_context", MinContext.class);

  private ReadPolicies() {}
}
