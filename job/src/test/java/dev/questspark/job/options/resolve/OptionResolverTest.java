package dev.questspark.job.options.resolve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.KvBudget;
import dev.questspark.job.options.Setting;
import dev.questspark.job.options.keys.CorpusKeys;
import dev.questspark.job.options.keys.EngineKeys;
import dev.questspark.job.options.keys.JobOptions;
import dev.questspark.job.options.keys.SamplingKeys;
import dev.questspark.job.options.keys.SelectionKeys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OptionResolverTest {
  @TempDir Path folder;

  private static JobOptions resolve(Map<String, String> conf, String... args) {
    return OptionResolver.resolve(CommandLineFlags.parse(args), conf.entrySet());
  }

  @Test
  void flagBeatsSparkConfBeatsPresetBeatsModelFolderBeatsDefault() throws IOException {
    Path preset = folder.resolve("own.conf");
    Files.writeString(
        folder.resolve("generation_config.json"),
        """
        {"do_sample": true, "temperature": 0.1, "top_p": 0.2, "top_k": 3, "repetition_penalty": 1.4}
        """);
    Files.writeString(
        preset,
        "model = \"" + folder + "\"\ntemperature = 0.5\ntop_p = 0.5\ntop_k = 50\nseed = 5\n");
    Map<String, String> conf =
        Map.of(
            "spark.questspark.temperature", "0.7",
            "spark.questspark.top-p", "0.7",
            "spark.executor.cores", "4");

    JobOptions options = resolve(conf, "--preset", preset.toString(), "--temperature", "0.9");

    assertThat(options.get(SamplingKeys.TEMPERATURE)).isEqualTo(0.9);
    assertThat(options.get(SamplingKeys.TOP_P)).isEqualTo(0.7);
    assertThat(options.get(SamplingKeys.TOP_K)).isEqualTo(50);
    assertThat(options.get(SamplingKeys.REPETITION_PENALTY)).isEqualTo(1.4);
    assertThat(options.get(EngineKeys.MAX_NUM_SEQS)).isEqualTo(8);
    assertThat(options.settings().values().stream().map(Setting::origin).distinct())
        .containsExactlyInAnyOrder(
            "flag", "Spark conf", "own.conf", "generation_config", "default");
  }

  @Test
  void generationConfigNoneLeavesTheFolderOut() throws IOException {
    Files.writeString(
        folder.resolve("generation_config.json"), "{\"do_sample\": true, \"temperature\": 0.1}");
    JobOptions options =
        resolve(Map.of(), "--model", folder.toString(), "--generation-config", "none");
    assertThat(options.get(SamplingKeys.TEMPERATURE)).isZero();
  }

  @ParameterizedTest
  @CsvSource({
    "--block-size,page_size",
    "--token-budget,kv_budgets",
    "--kv-budget,kv_budgets",
    "--max-new-tokens,max_tokens",
    "--context-length,max_model_len",
    "--max-running-requests,max_num_seqs",
    "--mem-fraction-static,gpu_memory_utilization",
  })
  void peersNamesAreUnderstood(String flag, String name) {
    JobOptions options = resolve(Map.of(), flag, "1");
    assertThat(options.settings().get(name).texts()).containsExactly("1");
  }

  @Test
  void noSparsityHasManyNames() {
    for (String word : List.of("none", "dense", "all")) {
      assertThat(resolve(Map.of(), "--sparse-attention", word).get(SelectionKeys.SELECTORS))
          .containsExactly("dense");
    }
  }

  @Test
  void listsSplitAtCommasButQuestionsDoNot() {
    JobOptions options =
        resolve(
            Map.of(),
            "--kv-budgets=256,1024, full",
            "--question",
            "Who, and why?",
            "--question",
            "When?");
    assertThat(options.get(SelectionKeys.KV_BUDGETS))
        .containsExactly(new KvBudget(256), new KvBudget(1024), new KvBudget(null));
    assertThat(options.get(CorpusKeys.QUESTION)).containsExactly("Who, and why?", "When?");
  }

  @ParameterizedTest
  @CsvSource({"512,512", "4k,4096", "2m,2097152", "3g,3221225472", "1GiB,1073741824"})
  void bytesHaveUnits(String text, long bytes) {
    assertThat(resolve(Map.of(), "--kv-cache-memory", text).get(EngineKeys.KV_CACHE_MEMORY_BYTES))
        .isEqualTo(bytes);
  }

  @Test
  void aBareFlagMeansTrue() {
    assertThat(resolve(Map.of(), "--ignore-eos").get(SamplingKeys.IGNORE_EOS)).isTrue();
    assertThat(resolve(Map.of(), "--ignore-eos", "--seed", "1").get(SamplingKeys.SEED)).isOne();
    assertThat(resolve(Map.of(), "--batch-invariant", "false").get(EngineKeys.BATCH_INVARIANT))
        .isFalse();
  }

  @Test
  void unknownFlagNamesWhatIsClose() {
    assertThatThrownBy(() -> resolve(Map.of(), "--max-tokns", "5"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("max-tokns")
        .hasMessageContaining("max_tokens");
  }

  @Test
  void unknownSparkConfKeyIsAnError() {
    assertThatThrownBy(() -> resolve(Map.of("spark.questspark.kv_buget", "5")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("Spark conf")
        .hasMessageContaining("kv_budget");
  }

  @Test
  void unknownPresetKeyIsAnErrorWithItsLine() throws IOException {
    Path preset = folder.resolve("own.conf");
    Files.writeString(preset, "# mine\npage_sise = 32\n");
    assertThatThrownBy(() -> resolve(Map.of(), "--preset", preset.toString()))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("own.conf:2")
        .hasMessageContaining("page_size");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--max-tokens=0",
        "--max-tokens=many",
        "--temperature=-1",
        "--top-p=0",
        "--kv-budgets=0",
        "--mode=maybe",
        "--kv-cache-memory-bytes=lots",
        "--batch-invariant=perhaps",
        "--depths=50,150",
        "--depths=-1",
        "--lengths=0",
        "--skip-layers=-1"
      })
  void valuesOutOfRangeAreRefusedWithWhatIsAllowed(String arg) {
    assertThatThrownBy(() -> resolve(Map.of(), arg))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("it must be");
  }

  @Test
  void aRefusedListIsNamedWithItsValueAndTheRemedy() {
    assertThatThrownBy(() -> resolve(Map.of(), "--depths=50,150"))
        .hasMessageContainingAll("depths is '50,150' (flag)", "percents from 0 to 100");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--backend=gpu | backend is 'gpu' (flag); it must be one of cpu, cuda, cuda:N.",
        "--backend=cpu:1 | backend is 'cpu:1' (flag); it must be one of cpu, cuda, cuda:N.",
        "--dtype=float16 | dtype is 'float16' (flag); it must be one of auto, float32, bfloat16.",
        "--weight-dtype=int4 | weight_dtype is 'int4' (flag); it must be one of auto, int8.",
        "--digest-dtype=int4 | digest_dtype is 'int4' (flag); it must be one of auto, cache, int8."
      })
  void whatTheEngineCannotBeIsRefusedWithItsOrigin(String arg, String sentence) {
    assertThatThrownBy(() -> resolve(Map.of(), arg))
        .isInstanceOf(ConfigException.class)
        .hasMessage(sentence);
  }

  @Test
  void sameOptionUnderTwoNamesIsAnError() {
    Map<String, String> conf =
        Map.of("spark.questspark.page_size", "16", "spark.questspark.block_size", "32");
    assertThatThrownBy(() -> resolve(conf)).hasMessageContaining("twice");
  }

  @Test
  void strayWordIsAnError() {
    assertThatThrownBy(() -> resolve(Map.of(), "demo")).hasMessageContaining("not a flag");
  }

  @Test
  void presetsOfTheProjectAreValid() throws IOException {
    try (var presets = Files.newDirectoryStream(Path.of("..", "conf"), "cpu-*.conf")) {
      for (Path preset : presets) {
        JobOptions options = resolve(Map.of(), "--preset", preset.toString());
        assertThat(options.get(EngineKeys.PAGE_SIZE)).isEqualTo(16);
      }
    }
  }
}
