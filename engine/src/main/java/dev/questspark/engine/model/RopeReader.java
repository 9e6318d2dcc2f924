package dev.questspark.engine.model;

import java.util.Optional;

/** The rotary part of {@code config.json}, in both spellings. */
final class RopeReader {
  private static final double DEFAULT_THETA = 10_000;

  private final JsonFields config;
  private final int maxPositionEmbeddings;

  RopeReader(JsonFields config, int maxPositionEmbeddings) {
    this.config = config;
    this.maxPositionEmbeddings = maxPositionEmbeddings;
  }

  RopeConfig read() {
    // transformers lets a rope_scaling that is set win over rope_parameters
    String key = config.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
    Optional<JsonFields> scaling = config.object(key);
    double theta = config.positiveOr("rope_theta", DEFAULT_THETA);
    if (scaling.isEmpty()) {
      requireFullRotation(config);
      return new RopeConfig.Default(theta);
    }
    return read(scaling.get(), scaling.get().positiveOr("rope_theta", theta));
  }

  private RopeConfig read(JsonFields rope, double theta) {
    requireFullRotation(config);
    requireFullRotation(rope);
    if (rope.has("full_attention") || rope.has("sliding_attention")) {
      throw config.bad(
          config.has("rope_scaling") ? "rope_scaling" : "rope_parameters",
          "one set of parameters for all layers");
    }
    String typeKey = rope.has("rope_type") ? "rope_type" : "type";
    return switch (rope.string(typeKey).orElse("default")) {
      case "default" -> new RopeConfig.Default(theta);
      case "linear" -> new RopeConfig.Linear(theta, factor(rope));
      case "dynamic" -> new RopeConfig.Dynamic(theta, factor(rope), maxPositionEmbeddings);
      case "llama3" -> llama3(rope, theta);
      case "yarn" -> yarn(rope, theta);
      default -> throw rope.bad(typeKey, "one of default, linear, dynamic, llama3, yarn");
    };
  }

  private RopeConfig llama3(JsonFields rope, double theta) {
    double low = rope.requirePositive("low_freq_factor");
    double high = rope.requirePositive("high_freq_factor");
    if (high <= low) {
      throw rope.bad("high_freq_factor", "above low_freq_factor, " + low);
    }
    return new RopeConfig.Llama3(theta, factor(rope), low, high, trainedTokens(rope));
  }

  private RopeConfig yarn(JsonFields rope, double theta) {
    int trained = trainedTokens(rope);
    double factor = rope.has("factor") ? factor(rope) : (double) maxPositionEmbeddings / trained;
    double mscale = rope.numberOr("mscale", 0);
    double mscaleAllDim = rope.numberOr("mscale_all_dim", 0);
    double magnitude =
        mscale != 0 && mscaleAllDim != 0
            ? RopeConfig.Yarn.magnitude(factor, mscale)
                / RopeConfig.Yarn.magnitude(factor, mscaleAllDim)
            : RopeConfig.Yarn.magnitude(factor, 1);
    return new RopeConfig.Yarn(
        theta,
        factor,
        trained,
        (float) rope.positiveOr("attention_factor", magnitude),
        rope.positiveOr("beta_fast", 32),
        rope.positiveOr("beta_slow", 1),
        rope.flagOr("truncate", true));
  }

  private static double factor(JsonFields rope) {
    double factor = rope.requirePositive("factor");
    if (factor < 1) {
      throw rope.bad("factor", "at least 1");
    }
    return factor;
  }

  /** The length before scaling; a top-level value wins, as in transformers. */
  private int trainedTokens(JsonFields rope) {
    String key = "original_max_position_embeddings";
    return config.has(key) ? config.requireCount(key) : rope.countOr(key, maxPositionEmbeddings);
  }

  private static void requireFullRotation(JsonFields fields) {
    if (fields.numberOr("partial_rotary_factor", 1) != 1) {
      throw fields.bad("partial_rotary_factor", "1, as all channels are rotated");
    }
  }
}
