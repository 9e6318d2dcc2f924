package dev.questspark.job.options.keys;

import static dev.questspark.job.options.keys.OptionTypes.bool;
import static dev.questspark.job.options.keys.OptionTypes.integer;
import static dev.questspark.job.options.keys.OptionTypes.integers;
import static dev.questspark.job.options.keys.OptionTypes.longInteger;
import static dev.questspark.job.options.keys.OptionTypes.number;
import static dev.questspark.job.options.keys.OptionTypes.texts;
import static dev.questspark.job.options.keys.Scope.Decides.ANSWERS;
import static dev.questspark.job.options.keys.Scope.ENGINE;
import static dev.questspark.job.options.keys.Scope.INFERENCE;
import static dev.questspark.job.options.keys.Scope.Query.IN_QUERY;
import static dev.questspark.job.options.keys.Scope.RUN_ONLY;

import dev.questspark.job.options.Aspect;
import dev.questspark.job.options.SamplingOptions;
import java.util.List;

/**
 * How tokens are drawn and where an answer ends; {@link SamplingOptions} has the values. A
 * measurement always takes the most likely token.
 */
public final class SamplingKeys {
  static final OptionSection SECTION = new OptionSection("Sampling");

  private SamplingKeys() {}

  public static final OptionKey<Integer> MAX_TOKENS =
      integer("max_tokens", 1, "at least 1")
          .alias("max_new_tokens", "max_completion_tokens", "n_predict")
          .unit("tokens")
          .defaultValue("128")
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .aspect(Aspect.ANSWER_LENGTH)
          .description(SECTION, "Most tokens to generate per answer.");
  public static final OptionKey<Double> TEMPERATURE =
      number("temperature", "0 (greedy) or more", t -> t >= 0 && Double.isFinite(t))
          .defaultValue("0")
          .scope(RUN_ONLY, ANSWERS, IN_QUERY)
          .description(
              SECTION, "Sampling temperature; 0 always takes the most likely token (greedy).");
  public static final OptionKey<Double> TOP_P =
      number("top_p", "above 0 and at most 1", p -> p > 0 && p <= 1)
          .defaultValue("1")
          .scope(RUN_ONLY, ANSWERS, IN_QUERY)
          .description(
              SECTION, "Sample from the most likely tokens whose probabilities sum to this.");
  public static final OptionKey<Integer> TOP_K =
      integer("top_k", 0, "0 (off) or more")
          .defaultValue("0")
          .scope(RUN_ONLY, ANSWERS, IN_QUERY)
          .description(SECTION, "Sample from this many most likely tokens; 0 keeps all.");
  public static final OptionKey<Double> MIN_P =
      number("min_p", "at least 0 and below 1", p -> p >= 0 && p < 1)
          .defaultValue("0")
          .scope(RUN_ONLY, ANSWERS, IN_QUERY)
          .description(
              SECTION,
              "Drop tokens whose probability is below this share of the most likely token's.");
  public static final OptionKey<Double> REPETITION_PENALTY =
      number("repetition_penalty", "above 0", r -> r > 0)
          .defaultValue("1")
          .scope(RUN_ONLY, ANSWERS, IN_QUERY)
          .description(
              SECTION,
              "Above 1, tokens that the prompt or the answer already has become less likely; 1 is off.");
  public static final OptionKey<Long> SEED =
      longInteger("seed", "a whole number")
          .defaultValue("0")
          .scope(INFERENCE, ANSWERS, IN_QUERY)
          .aspect(Aspect.SEED)
          .description(
              SECTION,
              "Seed of sampling and of generated suites. Each row draws with hash(seed, document id, question number).");
  public static final OptionKey<List<String>> STOP =
      texts("stop")
          .scope(INFERENCE, ANSWERS, IN_QUERY)
          .aspect(Aspect.ASKING)
          .description(
              SECTION, "Text that ends an answer and is removed from it; may be repeated.");
  public static final OptionKey<List<Integer>> STOP_TOKEN_IDS =
      integers("stop_token_ids", "token ids, separated by commas", id -> id >= 0)
          .scope(INFERENCE, ANSWERS, IN_QUERY)
          .aspect(Aspect.ASKING)
          .description(
              SECTION, "Token ids that end an answer, besides the model's end-of-sequence tokens.");
  public static final OptionKey<Boolean> IGNORE_EOS =
      bool("ignore_eos")
          .defaultValue("false")
          .scope(RUN_ONLY, ANSWERS, IN_QUERY)
          .description(SECTION, "Ignore end-of-sequence and always generate max_tokens.");

  /** Types the options. */
  public static SamplingOptions bind(JobOptions options) {
    return new SamplingOptions(
        new SamplingOptions.Draw(
            options.get(TEMPERATURE),
            options.get(TOP_P),
            options.get(TOP_K),
            options.get(MIN_P),
            options.get(REPETITION_PENALTY),
            options.get(SEED)),
        new SamplingOptions.AnswerEnd(
            options.get(MAX_TOKENS),
            options.get(STOP),
            options.get(STOP_TOKEN_IDS),
            options.get(IGNORE_EOS)));
  }
}
