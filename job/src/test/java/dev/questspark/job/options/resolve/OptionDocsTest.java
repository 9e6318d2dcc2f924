package dev.questspark.job.options.resolve;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.options.keys.OptionRegistry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class OptionDocsTest {
  private static final Path PAGE = Path.of("..", "conf", "README.md");

  /** Renew the page with {@code -Dquestspark.renew.docs=true}. */
  @Test
  void pageIsNotStale() throws IOException {
    if (Boolean.getBoolean("questspark.renew.docs")) {
      Files.writeString(PAGE, OptionDocs.markdown());
    }
    assertThat(Files.readString(PAGE)).isEqualTo(OptionDocs.markdown());
  }

  /** The Python package's types of options are renewed the same way. */
  @Test
  void pythonOptionsAreNotStale() throws IOException {
    Path module = Path.of("..", "python", "src", "questspark", "_options.py");
    if (Boolean.getBoolean("questspark.renew.docs")) {
      Files.writeString(module, PythonOptions.module());
    }
    assertThat(Files.readString(module)).isEqualTo(PythonOptions.module());
  }

  @Test
  void helpNamesEveryOption() {
    String help = CommandLineFlags.help();
    assertThat(OptionRegistry.all()).allSatisfy(key -> assertThat(help).contains(key.flag()));
    assertThat(help.replaceAll("\\s+", " ")).contains("one of error, truncate_middle, map_reduce");
  }
}
