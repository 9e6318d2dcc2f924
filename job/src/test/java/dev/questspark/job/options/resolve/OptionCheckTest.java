package dev.questspark.job.options.resolve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Aspect;
import dev.questspark.job.options.BoundOptions;
import dev.questspark.job.options.Choices;
import dev.questspark.job.options.Choices.Task;
import dev.questspark.job.options.MeasureOptions;
import dev.questspark.job.options.Suite;
import dev.questspark.job.options.keys.OptionKey;
import dev.questspark.job.options.keys.OptionRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** What the declarations of the options rule out, command by command and suite by suite. */
class OptionCheckTest {
  private static final List<String> REPORT = List.of("--command=report", "--output=o");

  @TempDir Path folder;

  private static BoundOptions check(List<String> args) {
    return OptionBinder.bind(
        OptionResolver.resolve(CommandLineFlags.parse(args.toArray(String[]::new)), List.of()));
  }

  /** The arguments of a line, and what every command but report must be given. */
  private static List<String> complete(String line) {
    List<String> args = new ArrayList<>(List.of(line.split(" ")));
    if (!line.contains("--command=report")) {
      args.addAll(List.of("--model=m", "--output=o"));
    }
    if (!line.contains("--suite=passkey") && !line.contains("=report")) {
      args.add("--input=i");
    }
    return args;
  }

  @ParameterizedTest
  @CsvSource({
    "--suite=needle, '--suite has no effect on run, only on sweep and eval; leave it out.'",
    "--page-scores=minmax, '--page-scores has no effect on run, only on sweep and eval; leave it out.'",
    "--lengths=9 --depths=1, '--lengths, --depths have no effect on run; leave them out.'",
    "--command=sweep --suite=needle, '--suite needle makes its own questions, which eval asks; a sweep takes corpus or divergence.'",
    "--command=sweep --suite=divergence --question=why?, '--question has no effect on sweep --suite divergence; leave it out.'",
    "--command=sweep --windows=9 --window-offsets=4, '--windows, --window-offsets have no effect on sweep; leave them out.'",
    "--command=eval --suite=perplexity --prefix-tokens=9, --prefix-tokens has no effect on eval --suite perplexity",
    "--command=eval --suite=divergence --max-tokens=9 --prompt-template=x, '--prompt-template, --max-tokens have no effect'",
    "--command=eval --suite=divergence --windows=9 --window-offsets=4, '--window-offsets says where each document''s windows are'",
    "--command=sweep --depths=1 --temperature=1, '--temperature, --depths have no effect on sweep'",
    "--command=sweep --seed=1, --seed has no effect on sweep; leave it out.",
    "--command=sweep --mode=overwrite, '--mode has no effect on sweep, only on run; leave it out.'",
    "--command=sweep --question-tail-characters=9, '--question-tail-characters has no effect on sweep, only on eval'",
    "--command=eval --repetitions=9, '--repetitions has no effect on eval --suite corpus, only on sweep'",
    "--command=eval --suite=passkey --input=x, --input has no effect on eval --suite passkey; leave it out.",
    "--command=eval --suite=passkey_facts --task=summarize --question=who?, '--question, --task have no effect on eval --suite passkey_facts; leave them out.'",
    "--command=eval --suite=needle --answer-col=x, --answer-col has no effect",
    "--command=eval --suite=multikey --max-tokens=9, --max-tokens has no effect",
    "--command=eval --suite=kvpress --text-col=x, --text-col has no effect",
    "--command=eval --suite=longbench --prompt-template=x, --prompt-template has no effect",
    "--command=eval --suite=perplexity --depths=1 --stop=x, '--stop, --depths have no effect'",
    "--command=report --output=x --kv-budgets=1, '--kv-budgets has no effect on report, only on run, sweep, eval and plan'",
  })
  void aFlagWithoutEffectIsRefused(String line, String sentence) {
    assertThatThrownBy(() -> check(complete(line)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(sentence);
  }

  @ParameterizedTest
  @CsvSource({
    "--command=run --temperature=1 --mode=overwrite",
    "--command=run --resume --retry-errors",
    "--command=sweep --repetitions=9 --temperature=0.0 --task=summarize",
    "--command=eval --question=Who? --answer-col=a --max-tokens=9 --on-too-long=truncate_middle",
    "--command=eval --suite=passkey_facts --lengths=64 --depths=1 --seed=5 --prompt-template=x",
    "--command=eval --suite=variable_tracking --samples=3 --system-prompt=x --apply-chat-template",
    "--command=sweep --suite=divergence --windows=9 --window-tokens=5 --seed=5 --repetitions=2 --max-kl=0.1",
    "--command=eval --suite=divergence --window-offsets=9,7 --prefix-tokens=5 --text-col=x --selection-study=0",
    "--command=eval --suite=perplexity --lengths=64 --kv-budgets=48 --verbose",
    "--command=report --output=x --max-quality-loss=0.02",
  })
  void whatHasAnEffectOrSaysTheDefaultIsNot(String line) {
    assertThatCode(() -> check(complete(line))).doesNotThrowAnyException();
  }

  @Test
  void aPresetMayServeSeveralCommands() throws IOException {
    Path preset = folder.resolve("own.conf");
    Files.writeString(
        preset,
        "mode = overwrite\ntemperature = 0.7\nrepetitions = 9\nquestion_tail_characters = 7\n"
            + "chunk_tokens = 9\n");
    for (String command : List.of("run", "sweep", "eval", "report")) {
      assertThatCode(
              () -> check(complete("--command=" + command + " --output=o --preset=" + preset)))
          .doesNotThrowAnyException();
    }
    MeasureOptions sweep = check(complete("--command=sweep --preset=" + preset)).measure();
    assertThat(sweep.questionTailCharacters()).as("for eval alone").isZero();
    assertThat(sweep.repetitions()).isEqualTo(9);
    MeasureOptions eval = check(complete("--command=eval --preset=" + preset)).measure();
    assertThat(eval.questionTailCharacters()).isEqualTo(7);
    assertThat(eval.repetitions()).as("for sweep alone").isZero();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--retry-errors | retry_errors (flag) only applies to --resume and --update; give one of them, or leave it out.",
        "--resume --mode=append | --resume adds to the answers that are there, whatever --mode says; leave --mode out.",
        "--chunk-tokens=9 | --chunk-tokens only applies to --on-too-long map_reduce; give both, or neither.",
        "--combine-template=x | --combine-template only applies to --on-too-long map_reduce; give both, or neither.",
        "--system-prompt=x --apply-chat-template=false | system_prompt (flag) is a turn of the chat template, which is off; add --apply-chat-template, or write the text into --prompt-template.",
        "--on-too-long=map_reduce --chunk-tokens=9 --chunk-overlap-tokens=9 | chunk_overlap_tokens is 9 and chunk_tokens 9; neighbouring chunks must share fewer tokens than a chunk has.",
        "--system-prompt=x --prompt-template=y | system_prompt (flag) is a turn of the chat template, which is off; add --apply-chat-template, or write the text into --prompt-template.",
        "--command=sweep --system-prompt=x | system_prompt (flag) is a turn of the chat template, which is off; add --apply-chat-template, or write the text into --prompt-template.",
        "--command=eval --suite=passkey --chat-template-kwargs={\"a\":1} | chat_template_kwargs (flag) sets variables of the chat template, which is off; add --apply-chat-template, or leave it out.",
        "--apply-chat-template=maybe | apply_chat_template is 'maybe' (flag); it must be one of auto, true, false.",
        "--max-model-len=64 --max-tokens=64 | max_tokens 64 leaves no room for a prompt in max_model_len 64; lower --max-tokens.",
        "--command=sweep --on-too-long=map_reduce | --on-too-long map_reduce cannot be measured by sweep and eval, which compare answers from one prompt each; give error or truncate_middle.",
        "--command=eval --on-too-long=map_reduce | --on-too-long map_reduce cannot be measured by sweep and eval, which compare answers from one prompt each; give error or truncate_middle.",
      })
  void whatGoesAgainstAnotherOptionIsRefused(String line, String sentence) {
    assertThatThrownBy(() -> check(complete(line)))
        .isInstanceOf(ConfigException.class)
        .hasMessage(sentence);
  }

  @Test
  void aPresetsSystemPromptIsNotDroppedInSilence() throws IOException {
    Path preset = folder.resolve("own.conf");
    Files.writeString(preset, "system_prompt = brief\n");
    assertThatCode(() -> check(complete("--command=run --preset=" + preset)))
        .as("the model's folder decides")
        .doesNotThrowAnyException();
    assertThatThrownBy(() -> check(complete("--command=sweep --preset=" + preset)))
        .hasMessageContaining("system_prompt (own.conf) is a turn of the chat template");
    Files.writeString(preset, "system_prompt = brief\nprompt_template = x.txt\n");
    assertThatThrownBy(() -> check(complete("--command=run --preset=" + preset)))
        .hasMessageContaining("system_prompt (own.conf) is a turn of the chat template");
    assertThatThrownBy(
            () ->
                QueryOptions.resolve(
                    Task.QA,
                    Map.of("model", List.of("m"), "preset", List.of(preset.toString())),
                    List.of()))
        .hasMessageContaining("system_prompt (own.conf) is a turn of the chat template");
  }

  @ParameterizedTest
  @CsvSource({
    "--model=m --output=o, --input",
    "--input=i --output=o, --model",
    "--input=i --model=m, --output",
    "--command=sweep --model=m --output=o, --input",
    "--command=eval --suite=needle --model=m --output=o, --input",
    "--command=eval --suite=passkey --output=o, --model",
    "--command=report, --output",
  })
  void whatACommandNeedsIsAskedForBeforeAnyWork(String line, String flag) {
    assertThatThrownBy(() -> check(List.of(line.split(" "))))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith(flag + " is missing: give ");
  }

  @ParameterizedTest
  @EnumSource(Suite.class)
  void everySuiteSaysWhetherItReadsTheInput(Suite suite) {
    assertThat(suite.reads(Aspect.INPUT))
        .isEqualTo(suite != Suite.PASSKEY && suite != Suite.PASSKEY_FACTS);
    assertThat(suite.asksInput()).isEqualTo(suite == Suite.CORPUS);
    assertThat(suite.reads(Aspect.STUDY))
        .isEqualTo(suite != Suite.PERPLEXITY && suite != Suite.CALIBRATION);
    assertThat(suite.reads(Aspect.POLICIES)).isEqualTo(suite != Suite.CALIBRATION);
  }

  @Test
  void aReportReadsOutputAndItsOwnBoundsAlone() {
    assertThat(
            OptionRegistry.all().stream()
                .filter(key -> key.appliesTo(Choices.Command.REPORT, Suite.CORPUS))
                .map(OptionKey::name))
        .containsExactly("output", "max_quality_loss", "max_kl", "command", "preset", "verbose");
    assertThatCode(() -> check(REPORT)).doesNotThrowAnyException();
  }
}
