package dev.questspark.engine.tokens;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerationDefaultsTest {
  @TempDir Path folder;

  private void write(String text) throws IOException {
    Files.writeString(folder.resolve("generation_config.json"), text);
  }

  private GenerationDefaults auto() {
    return GenerationDefaults.read("auto", folder);
  }

  @Test
  void takesEveryValueOfASamplingModel() throws IOException {
    write(
        """
        {"bos_token_id": 7, "do_sample": true, "temperature": 0.6, "top_p": 0.9, "top_k": 20,
         "min_p": 0.05, "repetition_penalty": 1.05, "max_new_tokens": 64,
         "eos_token_id": [128001, 128008, 128009], "transformers_version": "4.45.2"}
        """);
    assertThat(auto().values())
        .isEqualTo(
            Map.of(
                "temperature", 0.6,
                "top_p", 0.9,
                "top_k", 20,
                "min_p", 0.05,
                "repetition_penalty", 1.05,
                "max_tokens", 64));
    assertThat(auto().eosTokenIds()).containsExactly(128001, 128008, 128009);
    assertThat(auto().value("top_k")).contains(20);
    assertThat(GenerationDefaults.read("none", folder).values()).isEmpty();
    assertThat(GenerationDefaults.read("none", folder).eosTokenIds()).isEmpty();
  }

  @Test
  void withoutDoSampleTheFileMeansGreedy() throws IOException {
    write("{\"do_sample\": false, \"temperature\": 0.6, \"top_p\": 0.9}");
    assertThat(auto().values()).isEqualTo(Map.of("temperature", 0.0));
    write("{\"temperature\": 0.6, \"eos_token_id\": 2}");
    assertThat(auto().values()).isEmpty();
    assertThat(auto().eosTokenIds()).containsExactly(2);
  }

  /** Hugging Face's generate keeps 50 tokens of a file that samples and does not say it. */
  @Test
  void whatASamplingFileDoesNotSayIsAsInGenerate() throws IOException {
    write("{\"do_sample\": true}");
    assertThat(auto().values()).isEqualTo(Map.of("temperature", 1.0, "top_k", 50));
    write("{\"do_sample\": true, \"top_k\": 0}");
    assertThat(auto().values()).isEqualTo(Map.of("temperature", 1.0, "top_k", 0));
    write("{\"do_sample\": true, \"top_k\": -1}");
    assertThat(auto().values()).isEqualTo(Map.of("temperature", 1.0, "top_k", 0));
  }

  @Test
  void keysThatWouldDecideTokensAndAreNotReadAreNamed() throws IOException {
    write(
        """
        {"num_beams": 4, "no_repeat_ngram_size": 0, "presence_penalty": 1.5, "length_penalty": 1.0,
         "assistant_mode": null, "max_length": 20, "some_new_key": [[3, 4]]}
        """);
    assertThat(
            GenerationDefaults.ignored(JsonFields.read(folder.resolve("generation_config.json"))))
        .containsExactly("num_beams", "presence_penalty", "some_new_key");
    assertThat(auto().values()).isEmpty();
  }

  @Test
  void findsTheFileByAutoFolderOrPath() throws IOException {
    assertThat(auto().values()).isEmpty();
    write("{\"max_new_tokens\": 5}");
    for (Path path : List.of(folder, folder.resolve("generation_config.json"))) {
      assertThat(GenerationDefaults.read(path.toString(), Path.of("elsewhere")).values())
          .isEqualTo(Map.of("max_tokens", 5));
    }
    assertThatThrownBy(() -> GenerationDefaults.read("no/such/file", folder))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("generation_config is no/such/file");
    write("{\"do_sample\": true, \"top_k\": \"many\"}");
    assertThatThrownBy(this::auto)
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("top_k is \"many\"");
  }

  @Test
  void rowsEndAtTheFilesIdsAndTheTokenizers() throws IOException {
    Tokenizer tokenizer = new ByteTokenizer(); // ends with 1
    write("{\"eos_token_id\": [5, 6]}");
    assertThat(auto().stopTokenIds(List.of(9), tokenizer)).containsExactly(5, 6, 1);
    assertThat(GenerationDefaults.read("none", folder).stopTokenIds(List.of(9, 1), tokenizer))
        .containsExactly(9, 1);
  }
}
