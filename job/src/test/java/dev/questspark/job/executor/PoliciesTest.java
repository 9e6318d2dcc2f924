package dev.questspark.job.executor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.keys.JobOptions;
import dev.questspark.job.options.keys.MeasureKeys;
import dev.questspark.job.options.keys.SelectionKeys;
import dev.questspark.job.options.resolve.CommandLineFlags;
import dev.questspark.job.options.resolve.OptionBinder;
import dev.questspark.job.options.resolve.OptionResolver;
import dev.questspark.job.sweep.SweepPolicies;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The policies of a run: in full, and as the flags that users know. */
class PoliciesTest {
  @TempDir Path folder;

  private static JobOptions options(Map<String, String> sparkConf, String... flags) {
    List<String> args = new ArrayList<>(List.of("--model=" + folderOfNoModel()));
    args.addAll(List.of(flags));
    return OptionResolver.resolve(
        CommandLineFlags.parse(args.toArray(String[]::new)), sparkConf.entrySet());
  }

  private static String folderOfNoModel() {
    return Path.of("no-model-is-read").toAbsolutePath().toString();
  }

  private static List<ReadPolicy> policies(JobOptions options) {
    return Policies.of(OptionBinder.inference(options));
  }

  private static List<String> texts(String... flags) {
    return policies(options(Map.of(), flags)).stream().map(ReadPolicy::text).toList();
  }

  private static List<String> canonical(String... texts) {
    return List.of(texts).stream().map(text -> ReadPolicy.parse(text).text()).toList();
  }

  @Test
  void theKnownFlagsAreShorthand() {
    assertThat(texts()).isEqualTo(canonical("skip_layers(layers=2, quest(budget=2048))"));
    assertThat(
            texts(
                "--selectors=quest,sink_recent,all",
                "--kv-budgets=256,512",
                "--page-score=meanstd",
                "--group-reduction=sum",
                "--kv-sink-tokens=8",
                "--kv-recent-tokens=32",
                "--sparse-skip-layers=0",
                "--sparse-min-context=1000"))
        .isEqualTo(
            canonical(
                "dense",
                "min_context(tokens=1000, quest(budget=256, score=meanstd, reduction=sum, sink=8,"
                    + " recent=32))",
                "min_context(tokens=1000, quest(budget=512, score=meanstd, reduction=sum, sink=8,"
                    + " recent=32))",
                "min_context(tokens=1000, sink_recent(budget=256, sink=8))",
                "min_context(tokens=1000, sink_recent(budget=512, sink=8))"));
    assertThat(texts("--kv-budgets=64,full", "--sparse-skip-layers=1", "--sparse-min-context=9"))
        .isEqualTo(
            canonical("dense", "skip_layers(layers=1, min_context(tokens=9, quest(budget=64)))"));
  }

  @Test
  void aSweepComparesScoresAndDenseLayersWithDense() {
    JobOptions options =
        options(
            Map.of(),
            "--selectors=quest,sink_recent",
            "--kv-budgets=64",
            "--page-scores=minmax,meanstd",
            "--skip-layers=0,1");
    assertThat(
            SweepPolicies.of(OptionBinder.inference(options), MeasureKeys.bind(options)).stream()
                .map(ReadPolicy::text))
        .containsExactlyElementsOf(
            canonical(
                "dense",
                "quest(budget=64, score=minmax)",
                "skip_layers(layers=1, quest(budget=64, score=minmax))",
                "quest(budget=64, score=meanstd)",
                "skip_layers(layers=1, quest(budget=64, score=meanstd))",
                "sink_recent(budget=64)",
                "skip_layers(layers=1, sink_recent(budget=64))"));
  }

  @Test
  void policiesInFullKeepTheirCommas() {
    assertThat(
            texts(
                "--policies",
                "skip_layers(layers=1, quest(score=meanstd, budget=64))",
                "--policies",
                "dense",
                "--policies=dense"))
        .isEqualTo(canonical("dense", "skip_layers(quest(budget=64, score=meanstd), layers=1)"));
  }

  @Test
  void fullTextAndShorthandTogetherAreRefused() throws IOException {
    String policy = "--policies=quest(budget=64)";
    assertThatThrownBy(() -> texts(policy, "--kv-budget=64", "--page-scores=minmax"))
        .isInstanceOf(ConfigException.class)
        .hasMessage(
            "--policies says in full what --kv-budgets, --page-scores say in parts; give one or"
                + " the other.");
    Path preset = folder.resolve("shared.conf");
    Files.writeString(preset, "kv_budgets = [128]\n");
    assertThat(texts(policy, "--preset=" + preset))
        .as("a preset is for several runs; the flag counts more")
        .isEqualTo(canonical("quest(budget=64)"));
    Files.writeString(preset, "policies = [\"quest(budget=64)\"]\n");
    assertThatThrownBy(() -> texts("--preset=" + preset, "--kv-budget=32"))
        .as("the flag would have no effect")
        .hasMessageContaining("what --kv-budgets says in parts");
    Map<String, String> conf = Map.of("spark.questspark.kv_budgets", "128");
    assertThat(policies(options(conf, policy))).hasSize(1);
  }

  @Test
  void mistakesNameTheOptionAndItsOrigin() {
    assertThatThrownBy(() -> options(Map.of(), "--policies=quest(bugdet=64)"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("did you mean budget", "(policies, flag)");
    assertThatThrownBy(() -> options(Map.of(), "--selectors=fancy"))
        .hasMessageContainingAll("policy 'fancy' is unknown; known: dense, quest", "flag");
    assertThatThrownBy(() -> texts("--policies=quest(budget=8)"))
        .hasMessageContainingAll("kv_budget 8", "raise kv_budget to 16");
    assertThatThrownBy(() -> texts("--page-size=16", "--digest-block-size=6"))
        .isInstanceOf(ConfigException.class)
        .hasMessage(
            "digest_block_size is 6, which does not divide page_size 16; use a divisor of it, or 0"
                + " for automatic");
    assertThatThrownBy(() -> options(Map.of(), "--cache-policy=int3"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("cache_policy part 'int3' is unknown; known: dense, a_shape,")
        .hasMessageContaining("did you mean int")
        .hasMessageEndingWith(" (cache_policy, flag).");
    assertThat(options(Map.of()).get(SelectionKeys.CACHE_POLICY)).isEqualTo(CachePolicy.NONE);
  }

  private static CachePolicy cachePolicy(String... flags) {
    InferenceOptions options = OptionBinder.inference(options(Map.of(), flags));
    Policies.of(options);
    return options.selection().cachePolicy();
  }

  private static List<String> compared(String command, String... flags) {
    List<String> all = new ArrayList<>(List.of("--command=" + command));
    all.addAll(List.of(flags));
    JobOptions options = options(Map.of(), all.toArray(String[]::new));
    return OptionBinder.inference(options).selection().cachePolicies().stream()
        .map(CachePolicy::label)
        .toList();
  }

  @Test
  void aMeasurementComparesWithDocumentsKeptWhole() {
    assertThat(compared("sweep")).containsExactly("none");
    assertThat(compared("eval", "--prefill=a_shape(recent=512)"))
        .containsExactly("none", "a_shape(recent=512)");
    assertThat(compared("run", "--prefill=a_shape(recent=512)"))
        .containsExactly("a_shape(recent=512)");
    assertThat(
            compared(
                "eval",
                "--cache-policies=a_shape(recent=512)",
                "--cache-policies=none",
                "--cache-policies=a_shape",
                "--cache-policies=a_shape(recent=512)"))
        .containsExactly("none", "a_shape(recent=512)", "a_shape");
  }

  @Test
  void aPrefillIsAPartOfTheDocumentsPolicy() {
    CachePolicy shape = CachePolicy.parse("a_shape(recent=512)");
    assertThat(cachePolicy()).isEqualTo(CachePolicy.NONE);
    assertThat(cachePolicy("--prefill=dense")).isEqualTo(CachePolicy.NONE);
    assertThat(cachePolicy("--prefill=a_shape(recent=512)")).isEqualTo(shape);
    assertThat(cachePolicy("--cache-policy=a_shape(recent=512)")).isEqualTo(shape);
    assertThat(cachePolicy("--cache-policy", shape.text(), "--prefill", shape.text()))
        .isEqualTo(shape);
    assertThatThrownBy(() -> cachePolicy("--cache-policy", shape.text(), "--prefill=dense"))
        .isInstanceOf(ConfigException.class)
        .hasMessage(
            "prefill is dense, but cache_policy is a_shape(sink=64, recent=512, last=sparse, segment=512,"
                + " block=32); give one of them");
    assertThatThrownBy(() -> cachePolicy("--prefill=a_shpae"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("'a_shpae' is unknown", "did you mean a_shape", "(prefill, flag)");
    assertThatThrownBy(() -> cachePolicy("--prefill=a_shape", "--max-num-batched-tokens=512"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("needs a step with a segment of 512 rows beside max_num_seqs 8; set")
        .hasMessageEndingWith(" it to 520 or more");
    assertThat(cachePolicy("--prefill=sampled", "--backend=cuda").prefill()).isPresent();
  }

  @Test
  void aNumberFormatIsAPartOfTheDocumentsPolicy() {
    assertThat(cachePolicy("--kv-cache-dtype=auto")).isEqualTo(CachePolicy.NONE);
    assertThat(cachePolicy("--kv-cache-dtype=int4", "--prefill=a_shape"))
        .isEqualTo(CachePolicy.parse("int4 + a_shape"));
    assertThat(cachePolicy("--cache-policy=k4v2", "--kv-cache-dtype=k4v2").text())
        .isEqualTo("k4v2(whole=32)");
    assertThat(compared("eval", "--kv-cache-dtype=int8")).containsExactly("none", "int8");
    assertThatThrownBy(() -> cachePolicy("--cache-policy=int8", "--kv-cache-dtype=int4"))
        .isInstanceOf(ConfigException.class)
        .hasMessage(
            "kv_cache_dtype is int4(whole=32), but cache_policy is int8(whole=32); give one of"
                + " them");
    assertThatThrownBy(() -> cachePolicy("--kv-cache-dtype=a_shape"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("decides the prefill; give it to cache_policy");
    assertThatThrownBy(() -> cachePolicy("--kv-cache-dtype=int4", "--policies=twilight"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("policy twilight", "cache_policy int4", "compresses them");
    assertThat(cachePolicy("--kv-cache-dtype=int4", "--backend=cuda"))
        .isEqualTo(CachePolicy.parse("int4"));
  }
}
