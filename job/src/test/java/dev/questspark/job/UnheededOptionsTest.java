package dev.questspark.job;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.CommandLineFlags;
import dev.questspark.job.options.OptionResolver;
import dev.questspark.job.run.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class UnheededOptionsTest {
  @TempDir Path folder;

  private static void check(String... args) {
    UnheededOptions.refuse(OptionResolver.resolve(CommandLineFlags.parse(args), List.of()));
  }

  @ParameterizedTest
  @CsvSource({
    "--command=sweep --suite=passkey, --suite has no effect on sweep; leave it out.",
    "--command=sweep --depths=1 --temperature=1, '--temperature, --depths have no effect on sweep'",
    "--command=sweep --mode=overwrite, --mode has no effect on sweep",
    "--command=eval --repetitions=9, --repetitions has no effect on eval --suite corpus",
    "--command=eval --suite=passkey --input=x, --input has no effect on eval --suite passkey",
    "--command=eval --suite=needle --answer-col=x, --answer-col has no effect",
    "--command=eval --suite=multikey --max-tokens=9, --max-tokens has no effect",
    "--command=eval --suite=kvpress --text-col=x, --text-col has no effect",
    "--command=eval --suite=longbench --prompt-template=x, --prompt-template has no effect",
    "--command=eval --suite=perplexity --depths=1 --stop=x, '--stop, --depths have no effect'",
    "--command=report --output=x --kv-budgets=1, --kv-budgets has no effect on report",
  })
  void aFlagWithoutEffectIsRefused(String line, String sentence) {
    assertThatThrownBy(() -> check(line.split(" ")))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(sentence);
  }

  @ParameterizedTest
  @CsvSource({
    "--command=run --temperature=1 --mode=overwrite --resume",
    "--command=sweep --suite=corpus --repetitions=9 --temperature=0.0 --task=summarize",
    "--command=eval --question=Who? --answer-col=a --max-tokens=9 --on-too-long=truncate_middle",
    "--command=eval --suite=passkey_facts --lengths=64 --depths=1 --seed=5 --prompt-template=x",
    "--command=eval --suite=variable_tracking --input=x --samples=3 --system-prompt=x",
    "--command=eval --suite=perplexity --input=x --lengths=64 --kv-budgets=48 --verbose",
    "--command=report --output=x --max-quality-loss=0.02",
  })
  void whatHasAnEffectOrSaysTheDefaultIsNot(String line) {
    assertThatCode(() -> check(line.split(" "))).doesNotThrowAnyException();
  }

  @Test
  void aPresetMayServeSeveralCommands() throws IOException {
    Path preset = folder.resolve("own.conf");
    Files.writeString(preset, "mode = overwrite\ntemperature = 0.7\nrepetitions = 9\n");
    for (String command : List.of("sweep", "eval", "report")) {
      assertThatCode(() -> check("--command=" + command, "--preset=" + preset))
          .doesNotThrowAnyException();
    }
  }

  @Test
  void theJobEndsWithTheSentenceBeforeAnyWork() {
    var ended =
        JobHarness.eval(
            folder.resolve("out"), "--suite=passkey_facts", "--task=summarize", "--question=who?");
    assertThat(ended.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(ended.err())
        .isEqualTo(
            "Error: --question, --task have no effect on eval --suite passkey_facts; leave them out.%n"
                .formatted());
    assertThat(folder.resolve("out")).doesNotExist();
  }
}
