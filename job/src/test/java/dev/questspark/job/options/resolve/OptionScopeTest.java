package dev.questspark.job.options.resolve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.keys.JobOptions;
import dev.questspark.job.options.keys.OptionKey;
import dev.questspark.job.options.keys.OptionRegistry;
import dev.questspark.job.options.keys.Scope.Decides;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The options that decide answers or measurements, side by side: one that joins them or leaves them
 * shows up here.
 */
class OptionScopeTest {
  private static List<String> names(Decides decides) {
    return OptionRegistry.all().stream()
        .filter(key -> key.decides() == decides)
        .map(OptionKey::name)
        .toList();
  }

  /** Forgetting one lets {@code --resume} mix answers that were made in different ways. */
  @Test
  void theseDecideWhatAnAnswerSays() {
    assertThat(names(Decides.ANSWERS))
        .containsExactly(
            "task",
            "apply_chat_template",
            "system_prompt",
            "chat_template_kwargs",
            "hf_overrides",
            "rope_scaling",
            "generation_config",
            "backend",
            "dtype",
            "weight_dtype",
            "max_model_len",
            "page_size",
            "batch_invariant",
            "cache_policy",
            "prefill",
            "kv_cache_dtype",
            "digest_block_size",
            "digest_dtype",
            "question_attention",
            "max_tokens",
            "temperature",
            "top_p",
            "top_k",
            "min_p",
            "repetition_penalty",
            "seed",
            "stop",
            "stop_token_ids",
            "ignore_eos",
            "on_too_long",
            "chunk_tokens",
            "chunk_overlap_tokens");
    assertThat(names(Decides.POLICIES))
        .containsExactly(
            "policies",
            "cache_policies",
            "selectors",
            "kv_budgets",
            "page_score",
            "group_reduction",
            "kv_sink_tokens",
            "kv_recent_tokens",
            "sparse_skip_layers",
            "sparse_min_context",
            "page_scores",
            "skip_layers");
    assertThat(names(Decides.MEASUREMENTS))
        .containsExactly("max_num_seqs", "question_tail_characters", "speed_tokens");
  }

  @Test
  void theHashOfARunLeavesOutWhatOnlyMeasurementsHold() {
    assertThat(deciding("--command=run", "--input=i"))
        .contains("cache_policy")
        .doesNotContain("max_num_seqs");
    assertThat(deciding("--command=sweep", "--input=i"))
        .contains("max_num_seqs", "speed_tokens")
        .as("a result of a sweep is kept by its policies")
        .doesNotContain("cache_policy");
  }

  private static List<String> deciding(String command, String input) {
    JobOptions options =
        OptionResolver.resolve(
            CommandLineFlags.parse(command, input, "--model=m", "--output=o"), List.of());
    return List.copyOf(OptionBinder.bind(options).listing().deciding().keySet());
  }

  @Test
  void whatATaskReadsTravels() throws IOException, ClassNotFoundException {
    InferenceOptions told =
        OptionBinder.inference(
            OptionResolver.resolve(
                CommandLineFlags.parse(
                    "--model=m", "--stop=x", "--stop-token-ids=1", "--kv-budgets=1"),
                List.of()));
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(told);
    }
    try (ObjectInputStream in =
        new ObjectInputStream(new ByteArrayInputStream(bytes.toByteArray()))) {
      assertThat(in.readObject()).isEqualTo(told);
    }
  }

  /** Whoever reads a query says where rows come from and go. */
  @Test
  void theseAreNotForAQuery() {
    assertThat(OptionRegistry.all().stream().filter(key -> !key.inQuery()).map(OptionKey::name))
        .contains("input", "task", "output", "partitions", "suite", "infer_task_gpus", "command")
        .doesNotContain("model", "prompt_template", "selectors", "seed", "on_too_long", "preset");
  }

  /** Other packages take typed records; keys and what reads them stay in this one. */
  @Test
  void onlyTheEntriesOfTheJobReadOptionsAsText() throws IOException {
    Path sources = Path.of("src", "main", "java", "dev", "questspark", "job");
    Pattern text =
        Pattern.compile("\\b(JobOptions|OptionKey|OptionResolver|[A-Z][A-Za-z]+Keys)\\b");
    List<String> readers;
    try (Stream<Path> files = Files.walk(sources)) {
      readers =
          files
              .filter(file -> file.toString().endsWith(".java"))
              .filter(file -> !file.startsWith(sources.resolve("options")))
              .filter(file -> text.matcher(read(file)).find())
              .map(file -> file.getFileName().toString())
              .sorted()
              .toList();
    }
    assertThat(readers)
        .containsExactly("LongDocJob.java", "LongDocTransformer.java", "QuestSpark.java");
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }
}
