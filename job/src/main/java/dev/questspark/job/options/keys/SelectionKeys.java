package dev.questspark.job.options.keys;

import static dev.questspark.job.options.keys.OptionTypes.choice;
import static dev.questspark.job.options.keys.OptionTypes.integer;
import static dev.questspark.job.options.keys.Scope.COMPARING;
import static dev.questspark.job.options.keys.Scope.Decides.ANSWERS;
import static dev.questspark.job.options.keys.Scope.ENGINE;
import static dev.questspark.job.options.keys.Scope.Query.IN_QUERY;
import static dev.questspark.job.options.keys.Scope.Query.JOB_ONLY;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.backend.DigestDType;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.policy.Quest;
import dev.questspark.engine.policy.ReadPolicies;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.options.Aspect;
import dev.questspark.job.options.Choices.QuestionAttention;
import dev.questspark.job.options.KvBudget;
import dev.questspark.job.options.SelectionOptions;
import dev.questspark.job.options.keys.Scope.Decides;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;

/** Which pages a decode step reads; {@link SelectionOptions} has the values. */
public final class SelectionKeys {
  static final OptionSection SECTION = new OptionSection("Page selection");

  private SelectionKeys() {}

  public static final OptionKey<List<ReadPolicy>> POLICIES =
      OptionDeclaration.list(
              "policies",
              "policies",
              OptionKey.Shape.REPEATED,
              "policies in full, as the table of policies describes them",
              ReadPolicy::parse)
          .alias("policy")
          .scope(ENGINE, Decides.POLICIES, IN_QUERY)
          .aspect(Aspect.POLICIES)
          .description(
              SECTION,
              "What a decode step reads, in full, such as quest(budget=1024, score=meanstd). Given several times, they are compared on one prefill. Replaces selectors and the options that go with it.");
  public static final OptionKey<CachePolicy> CACHE_POLICY =
      OptionDeclaration.single(
              "cache_policy", "policy", "none, or parts joined by +", CachePolicy::parse)
          .defaultValue(CachePolicy.NONE.text())
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .aspect(Aspect.POLICIES)
          .description(
              SECTION,
              "What becomes of a document's keys and values, for all its questions; none keeps them whole. Its parts are in the table of parts.");
  public static final OptionKey<CachePolicy> PREFILL =
      OptionDeclaration.single(
              "prefill",
              "policy",
              "dense, or a part of cache_policy that decides the prefill",
              CachePolicy::parsePrefill)
          .defaultValue(CachePolicy.DENSE)
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .aspect(Aspect.POLICIES)
          .description(
              SECTION,
              "Which keys a document's own rows read while it is prefilled, such as a_shape(recent=960). It becomes a part of cache_policy.");
  public static final OptionKey<CachePolicy> KV_CACHE_DTYPE =
      OptionDeclaration.single(
              "kv_cache_dtype",
              "policy",
              "auto, or a part of cache_policy that decides the format",
              CachePolicy::parseFormat)
          .defaultValue(CachePolicy.AUTO)
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .aspect(Aspect.POLICIES)
          .description(
              SECTION,
              "How a document's keys and values are stored once it is prefilled, such as int4. It becomes a part of cache_policy; auto stores them as they were computed.");
  public static final OptionKey<List<CachePolicy>> CACHE_POLICIES =
      OptionDeclaration.list(
              "cache_policies",
              "policies",
              OptionKey.Shape.REPEATED,
              "cache policies in full, each none or parts joined by +",
              CachePolicy::parse)
          .scope(COMPARING, Decides.POLICIES, JOB_ONLY)
          .aspect(Aspect.POLICIES)
          .excludes(
              CACHE_POLICY,
              "--cache-policies says which cache policies are compared, and --cache-policy names one; give one of them.")
          .excludes(
              PREFILL,
              "--cache-policies says which cache policies are compared, and --prefill is a part of one; name it in --cache-policies, as in 'a_shape(recent=960)'.")
          .excludes(
              KV_CACHE_DTYPE,
              "--cache-policies says which cache policies are compared, and --kv-cache-dtype is a part of one; name it in --cache-policies, as in 'int4'.")
          .description(
              SECTION,
              "Cache policies to compare, each with every policy of the questions; given several times. Every document is prefilled once for each. none comes first, named or not. Without it cache_policy is compared with none.");
  public static final OptionKey<List<String>> SELECTORS =
      OptionDeclaration.list(
              "selectors",
              "list of names",
              OptionKey.Shape.COMMA_LIST,
              "names of policies ("
                  + String.join(", ", ReadPolicies.KNOWN.namesOfSelections())
                  + "), separated by commas",
              SelectionKeys::selector)
          .alias("selector", "sparse_attention")
          .defaultValue(ReadPolicies.KNOWN.name(Quest.class))
          .scope(ENGINE, Decides.POLICIES, IN_QUERY)
          .aspect(Aspect.POLICIES)
          .description(
              SECTION,
              "Policies by name, with their parameters from the options below; all is another name of dense attention. Several are compared on one prefill.");
  public static final OptionKey<List<KvBudget>> KV_BUDGETS =
      OptionDeclaration.list(
              "kv_budgets",
              "list of integers",
              OptionKey.Shape.COMMA_LIST,
              "numbers of tokens, each at least 1, or full, separated by commas",
              KvBudget::parse)
          .alias("kv_budget", "token_budget")
          .unit("tokens")
          .defaultValue("2048")
          .scope(ENGINE, Decides.POLICIES, IN_QUERY)
          .aspect(Aspect.POLICIES)
          .description(SECTION, "Tokens attended per KV head and layer; full means dense.");
  public static final OptionKey<PageScore> PAGE_SCORE =
      OptionDeclaration.single(
              "page_score", "choice", "one of " + MeasureKeys.SCORE_NAMES, MeasureKeys::score)
          .defaultValue(PageScores.DEFAULT)
          .scope(ENGINE, Decides.POLICIES, IN_QUERY)
          .aspect(Aspect.POLICIES)
          .description(
              SECTION,
              "Score of a digest block: Quest's upper bound (minmax), or mean + 3/4 of the standard deviation (meanstd).");
  public static final OptionKey<Integer> DIGEST_BLOCK_SIZE =
      integer("digest_block_size", 0, "a divisor of page_size, or 0 for automatic")
          .unit("tokens")
          .defaultValue("0")
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .description(
              SECTION,
              "Tokens that share one digest, and that quest reads as a whole. It divides page_size. 0 takes 8 where digests have 8 bits, else the page.");
  public static final OptionKey<DigestDType> DIGEST_DTYPE =
      choice("digest_dtype", DigestDType.class)
          .defaultValue("auto")
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .description(
              SECTION,
              "Type of the page digests. auto is the KV cache's type; int8 rounds to 8 bits, bounds outward, so that scoring reads fewer bytes.");
  public static final OptionKey<GroupReduction> GROUP_REDUCTION =
      choice("group_reduction", GroupReduction.class)
          .defaultValue(GroupReduction.DEFAULT)
          .scope(ENGINE, Decides.POLICIES, IN_QUERY)
          .aspect(Aspect.POLICIES)
          .description(
              SECTION,
              "How the scores of the query heads that share a KV head become one score per digest block.");
  public static final OptionKey<Integer> KV_SINK_TOKENS =
      integer("kv_sink_tokens", 0, "0 or more")
          .unit("tokens")
          .defaultValue("4")
          .scope(ENGINE, Decides.POLICIES, IN_QUERY)
          .aspect(Aspect.POLICIES)
          .description(
              SECTION,
              "First tokens that are always read, in whole digest blocks. They count in the budget.");
  public static final OptionKey<Integer> KV_RECENT_TOKENS =
      integer("kv_recent_tokens", 0, "0 or more")
          .unit("tokens")
          .defaultValue("0")
          .scope(ENGINE, Decides.POLICIES, IN_QUERY)
          .aspect(Aspect.POLICIES)
          .description(
              SECTION,
              "Last tokens that are always read. They count in the budget; the current digest block is always read.");
  public static final OptionKey<Integer> SPARSE_SKIP_LAYERS =
      integer("sparse_skip_layers", 0, "0 or more")
          .unit("layers")
          .defaultValue("2")
          .scope(ENGINE, Decides.POLICIES, IN_QUERY)
          .aspect(Aspect.POLICIES)
          .description(SECTION, "First layers that stay dense.");
  public static final OptionKey<Integer> SPARSE_MIN_CONTEXT =
      integer("sparse_min_context", 0, "0 or more")
          .alias("seq_len_threshold", "sparse_min_ctx")
          .unit("tokens")
          .defaultValue("0")
          .scope(ENGINE, Decides.POLICIES, IN_QUERY)
          .aspect(Aspect.POLICIES)
          .description(SECTION, "Contexts shorter than this stay dense.");
  public static final OptionKey<QuestionAttention> QUESTION_ATTENTION =
      choice("question_attention", QuestionAttention.class)
          .defaultValue(QuestionAttention.DENSE.name().toLowerCase(Locale.ROOT))
          .scope(ENGINE, ANSWERS, IN_QUERY)
          .aspect(Aspect.ASKING)
          .description(
              SECTION,
              "What the question's tokens attend to: all of the document (dense), which they read once together, or each token to what the policy lists for it (sparse), as in the paper's passkey test. Tokens of the answer always attend as the policy says.");

  /** What together makes a document's cache policy. */
  public static final Set<OptionKey<?>> OF_THE_DOCUMENT =
      Set.of(CACHE_POLICY, PREFILL, KV_CACHE_DTYPE);

  /** What {@link #POLICIES} says in one text. */
  private static List<OptionKey<?>> shorthand() {
    return List.of(
        SELECTORS,
        KV_BUDGETS,
        PAGE_SCORE,
        GROUP_REDUCTION,
        KV_SINK_TOKENS,
        KV_RECENT_TOKENS,
        SPARSE_SKIP_LAYERS,
        SPARSE_MIN_CONTEXT,
        MeasureKeys.PAGE_SCORES,
        MeasureKeys.SKIP_LAYERS);
  }

  /**
   * Refuses shorthand beside policies in full, where both count as much. Shorthand that counts
   * less, such as a preset's under a flag, is overridden.
   */
  private static void refuseShorthand(JobOptions options) {
    List<String> both =
        shorthand().stream()
            .filter(options::given)
            .filter(key -> options.setting(key).countsAsMuchAs(options.setting(POLICIES)))
            .map(OptionKey::flag)
            .toList();
    if (options.given(POLICIES) && !both.isEmpty()) {
      throw new ConfigException(
          "--policies says in full what "
              + String.join(", ", both)
              + (both.size() == 1 ? " says" : " say")
              + " in parts; give one or the other.");
    }
  }

  /** A wrapper, such as skip_layers, selects nothing by itself. */
  private static String selector(String text) {
    String name = ReadPolicies.KNOWN.canonicalName(text.toLowerCase(Locale.ROOT));
    return OptionKey.checked(name, ReadPolicies.KNOWN.namesOfSelections()::contains);
  }

  /** The document's policy, of all options; a default counts as one only if it was given. */
  private static CachePolicy cachePolicy(JobOptions options) {
    CachePolicy policy = options.get(CACHE_POLICY);
    if (options.given(PREFILL)) {
      policy = policy.withPrefill(options.get(PREFILL));
    }
    return options.given(KV_CACHE_DTYPE) ? policy.withFormat(options.get(KV_CACHE_DTYPE)) : policy;
  }

  /**
   * The one of a run. A measurement compares with documents that are kept whole, asked to or not:
   * {@code none} comes first.
   */
  private static List<CachePolicy> cachePolicies(JobOptions options) {
    CachePolicy single = cachePolicy(options);
    if (!COMPARING.contains(options.get(RunKeys.COMMAND))) {
      return List.of(single);
    }
    List<CachePolicy> compared = options.get(CACHE_POLICIES);
    return Stream.concat(
            Stream.of(CachePolicy.NONE), compared.isEmpty() ? Stream.of(single) : compared.stream())
        .distinct()
        .toList();
  }

  /** Types the options. */
  public static SelectionOptions bind(JobOptions options) {
    refuseShorthand(options);
    return new SelectionOptions(
        options.get(POLICIES),
        cachePolicies(options),
        options.get(SELECTORS),
        options.get(KV_BUDGETS),
        new SelectionOptions.PageRule(
            options.get(PAGE_SCORE),
            options.get(GROUP_REDUCTION),
            options.get(KV_SINK_TOKENS),
            options.get(KV_RECENT_TOKENS),
            options.get(SPARSE_SKIP_LAYERS),
            options.get(SPARSE_MIN_CONTEXT)),
        options.get(QUESTION_ATTENTION));
  }
}
