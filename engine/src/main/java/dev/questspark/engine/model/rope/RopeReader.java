package dev.questspark.engine.model.rope;

import com.google.gson.JsonElement;
import dev.questspark.engine.checkpoint.files.JsonFields;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The rotary part of {@code config.json}, in both spellings. */
public final class RopeReader {
  private static final double DEFAULT_THETA = 10_000;

  private final JsonFields config;
  private final int maxPositionEmbeddings;
  private final int headDim;
  private final boolean partial;

  /**
   * @param partial whether the family heeds {@code partial_rotary_factor}
   */
  public RopeReader(JsonFields config, int maxPositionEmbeddings, int headDim, boolean partial) {
    this.config = config;
    this.maxPositionEmbeddings = maxPositionEmbeddings;
    this.headDim = headDim;
    this.partial = partial;
  }

  /** The one set of parameters of all layers. */
  public RopeConfig read() {
    double theta = config.positiveOr("rope_theta", DEFAULT_THETA);
    Optional<JsonFields> scaling = config.object(key());
    if (scaling.isEmpty()) {
      return part(config, new RopeConfig.Default(theta));
    }
    JsonFields rope = scaling.get();
    if (rope.has("full_attention") || rope.has("sliding_attention")) {
      throw config.bad(key(), "one set of parameters for all layers");
    }
    return read(rope, theta);
  }

  /**
   * The parameters of the layers of one type: {@code rope_parameters} holds an object for each
   * type, or there are the older keys.
   *
   * @param type {@code full_attention} or {@code sliding_attention}
   * @param thetaKey the older key of this type's base
   * @param scaled whether the older {@code rope_scaling} is meant for this type
   */
  public RopeConfig read(String type, String thetaKey, boolean scaled) {
    double theta = config.positiveOr(thetaKey, DEFAULT_THETA);
    Optional<JsonFields> perType =
        config.object("rope_parameters").flatMap(types -> types.object(type));
    Optional<JsonFields> scaling = scaled ? config.object("rope_scaling") : Optional.empty();
    // transformers lets the older key win
    Optional<JsonFields> rope = scaling.isPresent() ? scaling : perType;
    double typesTheta = perType.map(fields -> fields.positiveOr("rope_theta", theta)).orElse(theta);
    return rope.map(fields -> read(fields, typesTheta))
        .orElseGet(() -> new RopeConfig.Default(typesTheta));
  }

  /** transformers lets a rope_scaling that is set win over rope_parameters. */
  private String key() {
    return config.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  }

  private RopeConfig read(JsonFields rope, double outerTheta) {
    double theta = rope.positiveOr("rope_theta", outerTheta);
    String typeKey = rope.has("rope_type") ? "rope_type" : "type";
    RopeConfig config =
        switch (rope.string(typeKey).orElse("default")) {
          case "default" -> new RopeConfig.Default(theta);
          case "linear" -> new RopeConfig.Linear(theta, factor(rope));
          case "dynamic" -> dynamic(rope, theta);
          case "llama3" -> llama3(rope, theta);
          case "yarn" -> yarn(rope, theta);
          case "longrope", "su" -> longRope(rope, theta);
          default ->
              throw rope.bad(typeKey, "one of default, linear, dynamic, llama3, yarn, longrope");
        };
    return part(rope, config);
  }

  private RopeConfig part(JsonFields fields, RopeConfig rope) {
    JsonFields given = fields.has("partial_rotary_factor") ? fields : config;
    int channels = rotated(given);
    return channels == headDim ? rope : new RopeConfig.Partial(rope, channels);
  }

  private int rotated(JsonFields fields) {
    double share = fields.positiveOr("partial_rotary_factor", 1);
    if (share != 1 && !partial) {
      throw fields.bad("partial_rotary_factor", "1, as all channels are rotated");
    }
    int channels = (int) (headDim * share);
    if (channels % 2 != 0 || channels > headDim) {
      throw fields.bad("partial_rotary_factor", "an even number of the head's " + headDim);
    }
    return channels;
  }

  private RopeConfig dynamic(JsonFields rope, double theta) {
    double alpha = rope.numberOr("alpha", 0);
    // Hunyuan's label for a base that is larger once and for all
    return alpha > 0
        ? new RopeConfig.Default(theta * Math.pow(alpha, headDim / (headDim - 2.0)))
        : new RopeConfig.Dynamic(theta, factor(rope), maxPositionEmbeddings);
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

  private RopeConfig longRope(JsonFields rope, double theta) {
    int trained = trainedTokens(rope);
    double factor = rope.has("factor") ? factor(rope) : (double) maxPositionEmbeddings / trained;
    double magnitude = RopeConfig.LongRope.magnitude(factor, trained);
    return new RopeConfig.LongRope(
        theta,
        divisors(rope, "short_factor"),
        divisors(rope, "long_factor"),
        trained,
        (float) rope.positiveOr("attention_factor", magnitude));
  }

  /** One divisor per rotated pair of channels. */
  private List<Double> divisors(JsonFields rope, String key) {
    int pairs = rotated(rope.has("partial_rotary_factor") ? rope : config) / 2;
    List<Double> divisors = new ArrayList<>();
    for (JsonElement value : rope.elements(key)) {
      if (!value.isJsonPrimitive()
          || !value.getAsJsonPrimitive().isNumber()
          || !(value.getAsDouble() > 0)) {
        throw rope.bad(key, "a list of numbers above 0");
      }
      divisors.add(value.getAsDouble());
    }
    if (divisors.size() != pairs) {
      throw rope.bad(key, "a list of " + pairs + " numbers, one per pair of rotated channels");
    }
    return divisors;
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
}
