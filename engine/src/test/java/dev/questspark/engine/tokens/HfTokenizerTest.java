package dev.questspark.engine.tokens;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.ModelFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HfTokenizerTest {
  @TempDir Path folder;

  private static HfTokenizer open(String name) {
    return HfTokenizer.open(ModelFolder.resource("tokenizers/" + name));
  }

  @ParameterizedTest
  @ValueSource(strings = {"bpe", "bytes"})
  void equalsPythonTokenizersAndNeverCutsOrPads(String name) throws IOException {
    JsonObject expected = expected(name);
    try (HfTokenizer tokenizer = open(name)) {
      assertThat(tokenizer.vocabSize()).isEqualTo(expected.get("vocab_size").getAsInt());
      for (JsonElement element : expected.getAsJsonArray("cases")) {
        JsonObject row = element.getAsJsonObject();
        String text = row.get("text").getAsString();
        int[] ids = ints(row, "ids");
        assertThat(tokenizer.encode(text, false)).as(text).isEqualTo(ids);
        assertThat(tokenizer.encode(text, true)).as(text).isEqualTo(ints(row, "special_ids"));
        assertThat(tokenizer.decode(ids, false)).isEqualTo(row.get("decoded").getAsString());
        assertThat(tokenizer.decode(ids, true))
            .isEqualTo(row.get("decoded_skipping").getAsString());
      }
    }
  }

  @Test
  void byteTokenizerIsTheSameWithoutNativeCode() throws IOException {
    ByteTokenizer bytes = new ByteTokenizer();
    try (HfTokenizer hf = open("bytes")) {
      assertThat(bytes.vocabSize()).isEqualTo(hf.vocabSize()).isEqualTo(320);
      assertThat(bytes.bosTokenId()).isEqualTo(hf.bosTokenId()).hasValue(0);
      assertThat(bytes.eosTokenIds()).isEqualTo(hf.eosTokenIds()).containsExactly(1);
      for (JsonElement element : expected("bytes").getAsJsonArray("cases")) {
        String text = element.getAsJsonObject().get("text").getAsString();
        int[] ids = hf.encode(text, true);
        assertThat(bytes.encode(text, true)).as(text).isEqualTo(ids);
        assertThat(bytes.decode(ids, true)).isEqualTo(hf.decode(ids, true));
        assertThat(bytes.decode(ids, false)).isEqualTo(hf.decode(ids, false));
      }
    }
  }

  @Test
  void knowsItsSpecialTokens() {
    try (HfTokenizer tokenizer = open("bpe")) {
      int bos = tokenizer.bosTokenId().orElseThrow();
      assertThat(tokenizer.encode("<|begin_of_text|>", false)).containsExactly(bos);
      assertThat(tokenizer.encode("<|eot_id|>", false))
          .containsExactly(tokenizer.eosTokenIds().get(0));
      assertThat(tokenizer.specialTokens())
          .contains("<|eot_id|>", "<|start_header_id|>")
          .hasSize(5);
    }
  }

  @Test
  void opensWithoutNetworkAndLeavesNothingBehind() throws IOException {
    try (HfTokenizer tokenizer = open("bpe");
        var temporary = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      assertThat(System.getProperty("ai.djl.offline")).isEqualTo("true");
      assertThat(temporary).noneMatch(p -> p.getFileName().toString().startsWith("questspark-tok"));
      assertThat(tokenizer.encode("a", false)).hasSize(1);
    }
  }

  @Test
  void refusesAFolderWithoutTokenizerAndABrokenFile() throws IOException {
    assertThatThrownBy(() -> HfTokenizer.open(folder))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("no tokenizer.json");
    Files.writeString(folder.resolve("tokenizer.json"), "{\"model\": {\"type\": \"NoSuchModel\"}}");
    assertThatThrownBy(() -> HfTokenizer.open(folder))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("tokenizer.json cannot be loaded");
  }

  private static JsonObject expected(String name) throws IOException {
    Path file = ModelFolder.resource("tokenizers/expected.json");
    return JsonParser.parseString(Files.readString(file)).getAsJsonObject().getAsJsonObject(name);
  }

  private static int[] ints(JsonObject row, String key) {
    return new Gson().fromJson(row.get(key), int[].class);
  }
}
