package dev.questspark.job.options.keys;

import static dev.questspark.job.options.keys.OptionTypes.choice;
import static dev.questspark.job.options.keys.OptionTypes.integer;
import static dev.questspark.job.options.keys.OptionTypes.integers;
import static dev.questspark.job.options.keys.OptionTypes.number;
import static dev.questspark.job.options.keys.Scope.Decides.MEASUREMENTS;
import static dev.questspark.job.options.keys.Scope.Decides.NOTHING;
import static dev.questspark.job.options.keys.Scope.Decides.POLICIES;
import static dev.questspark.job.options.keys.Scope.EVAL_ONLY;
import static dev.questspark.job.options.keys.Scope.EVAL_OR_PLAN;
import static dev.questspark.job.options.keys.Scope.MEASUREMENT;
import static dev.questspark.job.options.keys.Scope.Query.JOB_ONLY;
import static dev.questspark.job.options.keys.Scope.REPORTED;
import static dev.questspark.job.options.keys.Scope.SWEEP_ONLY;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.policy.ReadPolicies;
import dev.questspark.engine.policy.SkipLayers;
import dev.questspark.job.options.Aspect;
import dev.questspark.job.options.Choices.Command;
import dev.questspark.job.options.MeasureOptions;
import dev.questspark.job.options.MeasureOptions.SuiteOptions;
import dev.questspark.job.options.MeasureOptions.Windows;
import dev.questspark.job.options.Suite;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What a sweep and an evaluation measure; {@link MeasureOptions} has the values. Those that make
 * the documents decide nothing, since each document's result is kept under its text.
 */
public final class MeasureKeys {
  static final OptionSection SECTION = new OptionSection("Sweep, evaluation and report");

  private MeasureKeys() {}

  public static final OptionKey<Suite> SUITE =
      choice("suite", Suite.class)
          .defaultValue("corpus")
          .scope(MEASUREMENT, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "What eval asks; corpus asks the questions of the input. A sweep takes corpus, or divergence, which needs no questions: how far each policy's next-token distributions are from dense attention's on windows of the input's texts. calibration finds out so which KV heads need a whole document.");
  public static final OptionKey<List<Integer>> LENGTHS =
      integers(
              "lengths",
              "numbers of tokens, at least 2, separated by commas",
              tokens -> tokens >= 2)
          .unit("tokens")
          .defaultValue("1024", "2048", "4096")
          .scope(EVAL_OR_PLAN, NOTHING, JOB_ONLY)
          .aspect(Aspect.LENGTHS)
          .description(
              SECTION,
              "Prompt lengths of a generated suite, to within a sentence, or document lengths of plan, by default max_model_len less what follows. A length that is too short for the question and the hidden facts, or over max_model_len, is refused.");
  public static final OptionKey<List<Integer>> DEPTHS =
      integers(
              "depths",
              "percents from 0 to 100, separated by commas",
              percent -> percent >= 0 && percent <= 100)
          .unit("%")
          .defaultValue("0", "25", "50", "75", "100")
          .scope(EVAL_ONLY, NOTHING, JOB_ONLY)
          .aspect(Aspect.HIDDEN_FACTS)
          .description(
              SECTION, "Where a generated suite hides the facts that it asks for; 0 is the start.");
  public static final OptionKey<Integer> SAMPLES =
      integer("samples", 1, "at least 1")
          .defaultValue("5")
          .scope(EVAL_ONLY, NOTHING, JOB_ONLY)
          .aspect(Aspect.HIDDEN_FACTS)
          .description(SECTION, "Documents of a generated suite per length and depth.");
  public static final OptionKey<Integer> PREFIX_TOKENS =
      integer("prefix_tokens", 1, "at least 1")
          .unit("tokens")
          .defaultValue("2048")
          .scope(MEASUREMENT, NOTHING, JOB_ONLY)
          .aspect(Aspect.WINDOWS)
          .description(SECTION, "Tokens of text before each window, prefilled for all policies.");
  public static final OptionKey<Integer> WINDOW_TOKENS =
      integer("window_tokens", 1, "at least 1")
          .unit("tokens")
          .defaultValue("128")
          .scope(MEASUREMENT, NOTHING, JOB_ONLY)
          .aspect(Aspect.WINDOWS)
          .description(
              SECTION, "Tokens of each window, fed one by one; each predicts the text's next one.");
  public static final OptionKey<Integer> WINDOWS =
      integer("windows", 1, "at least 1")
          .defaultValue("30")
          .scope(MEASUREMENT, NOTHING, JOB_ONLY)
          .aspect(Aspect.WINDOWS)
          .description(
              SECTION,
              "Windows to draw in all, equally many from each document, at least one; seed says which.");
  public static final OptionKey<List<Integer>> WINDOW_OFFSETS =
      integers(
              "window_offsets",
              "numbers of characters, 0 or more, separated by commas",
              characters -> characters >= 0)
          .unit("characters")
          .scope(MEASUREMENT, NOTHING, JOB_ONLY)
          .aspect(Aspect.WINDOWS)
          .excludes(
              WINDOWS,
              "--window-offsets says where each document's windows are, and --windows how many to draw; give one of them.")
          .description(
              SECTION,
              "Characters of each document at which a window's prefix begins. Without it windows are drawn.");
  public static final OptionKey<Integer> QUESTION_TAIL_CHARACTERS =
      integer("question_tail_characters", 0, "0 or more")
          .unit("characters")
          .defaultValue("0")
          .scope(EVAL_ONLY, MEASUREMENTS, JOB_ONLY)
          .aspect(Aspect.ASKING)
          .description(
              SECTION,
              "Only this many last characters of the prompt attend to the selected pages, as in Quest's own evaluation; 0 takes the whole question.");

  /** Names of page scores, for messages. */
  static final String SCORE_NAMES =
      PageScores.KNOWN.stream().map(PageScore::name).collect(Collectors.joining(", "));

  public static final OptionKey<List<PageScore>> PAGE_SCORES =
      OptionDeclaration.list(
              "page_scores",
              "list of names",
              OptionKey.Shape.COMMA_LIST,
              "some of " + SCORE_NAMES + ", separated by commas",
              MeasureKeys::score)
          .scope(MEASUREMENT, POLICIES, JOB_ONLY)
          .aspect(Aspect.POLICIES)
          .description(SECTION, "Page scores to compare. Without it page_score alone is used.");
  public static final OptionKey<List<Integer>> SKIP_LAYERS =
      integers(
              ReadPolicies.KNOWN.name(SkipLayers.class),
              "numbers of layers, 0 or more, separated by commas",
              n -> n >= 0)
          .unit("layers")
          .scope(MEASUREMENT, POLICIES, JOB_ONLY)
          .aspect(Aspect.POLICIES)
          .description(
              SECTION,
              "Values of sparse_skip_layers to compare. Without it that one alone is used.");
  public static final OptionKey<Integer> REPETITIONS =
      integer("repetitions", 1, "at least 1")
          .defaultValue("3")
          .scope(SWEEP_ONLY, NOTHING, JOB_ONLY)
          .description(SECTION, "Speed measurements of each policy, interleaved.");
  public static final OptionKey<Integer> SPEED_TOKENS =
      integer("speed_tokens", 2, "at least 2")
          .unit("tokens")
          .defaultValue("64")
          .scope(SWEEP_ONLY, MEASUREMENTS, JOB_ONLY)
          .description(
              SECTION,
              "Tokens generated per request when measuring speed (end-of-sequence ignored).");
  public static final OptionKey<Integer> SELECTION_STUDY =
      integer("selection_study", 0, "0 or more")
          .unit("documents")
          .defaultValue("4")
          .scope(MEASUREMENT, NOTHING, JOB_ONLY)
          .aspect(Aspect.STUDY)
          .description(
              SECTION,
              "Documents on which each policy's pages, and the key blocks of each cache policy's prefill, are compared with the exact attention weights, per layer and head. Copies all keys to the host, which is slow for large models; 0 for none.");
  public static final OptionKey<Double> MAX_QUALITY_LOSS =
      number("max_quality_loss", "between 0 and 1", loss -> loss >= 0 && loss <= 1)
          .defaultValue("0.01")
          .scope(REPORTED, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "The report recommends the smallest budget whose score is at most this much below dense.");
  public static final OptionKey<Double> MAX_KL =
      number("max_kl", "0 or more", kl -> kl >= 0)
          .unit("nats")
          .defaultValue("0.02")
          .scope(REPORTED, NOTHING, JOB_ONLY)
          .description(
              SECTION,
              "After suite divergence the report recommends the smallest budget whose mean KL from dense is at most this: 0.02 means that text drawn from dense attention has a 2 % higher perplexity under the policy.");

  /** Types the options. */
  public static MeasureOptions bind(JobOptions options) {
    boolean sweep = options.get(RunKeys.COMMAND) == Command.SWEEP;
    return new MeasureOptions(
        suite(options),
        sweep ? 0 : options.get(QUESTION_TAIL_CHARACTERS),
        options.get(PAGE_SCORES),
        options.get(SKIP_LAYERS),
        sweep ? options.get(REPETITIONS) : 0,
        sweep ? options.get(SPEED_TOKENS) : 0,
        options.get(SELECTION_STUDY),
        new MeasureOptions.Allowed(options.get(MAX_QUALITY_LOSS), options.get(MAX_KL)));
  }

  /** What a suite makes its documents of. */
  public static SuiteOptions suite(JobOptions options) {
    List<String> inputs = options.get(CorpusKeys.INPUT);
    Suite suite = RunKeys.suite(options);
    boolean published = suite == Suite.LONGBENCH || suite == Suite.KVPRESS;
    if (published && inputs.size() != 1) {
      throw new ConfigException(
          "--suite " + suite.word() + " reads one folder as it was published; give one --input.");
    }
    return new SuiteOptions(
        suite,
        inputs.isEmpty() ? null : inputs.get(0),
        options.get(MeasureKeys.LENGTHS),
        options.get(MeasureKeys.DEPTHS),
        options.get(MeasureKeys.SAMPLES),
        options.get(SamplingKeys.MAX_TOKENS),
        options.get(SamplingKeys.SEED),
        windows(options));
  }

  private static Windows windows(JobOptions options) {
    boolean sweep = options.get(RunKeys.COMMAND) == Command.SWEEP;
    int window = options.get(WINDOW_TOKENS);
    return new Windows(
        options.get(WINDOWS),
        options.get(PREFIX_TOKENS),
        window,
        options.get(WINDOW_OFFSETS),
        sweep ? Math.max(window, options.get(SPEED_TOKENS)) : window);
  }

  /**
   * The page score of a name.
   *
   * @throws IllegalArgumentException if there is none
   */
  static PageScore score(String name) {
    return PageScores.find(name).orElseThrow(IllegalArgumentException::new);
  }
}
