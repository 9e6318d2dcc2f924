package dev.questspark.engine.tokens;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.failure.ConfigException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whether two models' ids mean the same. */
class SameTokensTest {
  private static final String TOKENIZER =
      """
      {"added_tokens": [{"id": 3, "content": "<s>", "special": true}],
       "normalizer": {"type": "NFC"}, "pre_tokenizer": null,
       "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}
      """;

  private static JsonObject tokenizer() {
    return JsonParser.parseString(TOKENIZER).getAsJsonObject();
  }

  private static JsonObject changed(Consumer<JsonObject> change) {
    JsonObject changed = tokenizer();
    change.accept(changed);
    return changed;
  }

  private static void assertDifferent(Consumer<JsonObject> change, String... parts) {
    assertThat(SameTokens.difference(tokenizer(), changed(change)).orElseThrow()).contains(parts);
  }

  @Test
  void everyDifferenceIsNamed() {
    assertThat(SameTokens.difference(tokenizer(), tokenizer())).isEmpty();
    JsonObject vocabulary =
        JsonParser.parseString("{\"b\": 0, \"a\": 1, \"ab\": 2}").getAsJsonObject();
    assertDifferent(
        it -> it.getAsJsonObject("model").add("vocab", vocabulary), "id 0 is \"a\"", "there \"b\"");
    assertDifferent(
        it -> it.getAsJsonObject("model").getAsJsonObject("vocab").addProperty("c", 4),
        "it has id 4, \"c\"");
    assertDifferent(
        it -> it.getAsJsonObject("model").getAsJsonObject("vocab").remove("ab"),
        "id 2 is \"ab\"",
        "does not have");
    assertDifferent(
        it ->
            it.getAsJsonArray("added_tokens")
                .get(0)
                .getAsJsonObject()
                .addProperty("special", false),
        "id 3 is special \"<s>\", and there \"<s>\"");
    assertDifferent(it -> it.remove("normalizer"), "normalizer");
    assertDifferent(
        it -> it.add("pre_tokenizer", JsonParser.parseString("{\"type\": \"ByteLevel\"}")),
        "pre_tokenizer");
  }

  @Test
  void whatIsNoPartOfTheIdsMayDiffer() {
    assertThat(
            SameTokens.difference(
                tokenizer(), changed(it -> it.addProperty("truncation", "longest_first"))))
        .isEmpty();
  }

  @Test
  void theSentenceNamesBothModels(@TempDir Path folder) throws Exception {
    Path first = folder(folder.resolve("first"), tokenizer());
    Path same = folder(folder.resolve("same"), tokenizer());
    Path other = folder(folder.resolve("other"), changed(it -> it.remove("normalizer")));
    assertThatCode(() -> SameTokens.require(first, same)).doesNotThrowAnyException();
    assertThatThrownBy(() -> SameTokens.require(first, other))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll(
            "reader_model is " + other, "that of model " + first, "smaller model of the same");
  }

  private static Path folder(Path folder, JsonObject tokenizer) throws Exception {
    Files.createDirectories(folder);
    Files.writeString(folder.resolve("config.json"), "{}");
    Files.writeString(folder.resolve("tokenizer.json"), tokenizer.toString());
    return folder;
  }
}
