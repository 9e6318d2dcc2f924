package dev.questspark.engine.tokens;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.ModelFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ChatTemplateTest {
  private static final TokenizerSettings TOKENS =
      new TokenizerSettings(Map.of("bos_token", "<s>", "eos_token", "</s>"));
  private static final List<ChatMessage> USER = List.of(new ChatMessage("user", "hi"));

  @TempDir Path folder;

  static Stream<Arguments> cases() throws IOException {
    String text = Files.readString(ModelFolder.resource("chat-templates/expected.json"));
    return StreamSupport.stream(JsonParser.parseString(text).getAsJsonArray().spliterator(), false)
        .map(JsonElement::getAsJsonObject)
        .map(
            row ->
                Arguments.of(
                    row.get("template").getAsString(),
                    row.get("conversation").getAsString(),
                    row.get("add_generation_prompt").getAsBoolean(),
                    row));
  }

  @ParameterizedTest(name = "{0} {1} {2}")
  @MethodSource("cases")
  void equalsTransformers(String file, String conversation, boolean generate, JsonObject row)
      throws IOException {
    Path source = ModelFolder.resource("chat-templates/" + file);
    ChatTemplate template = new ChatTemplate(source, Files.readString(source), TOKENS);
    List<ChatMessage> messages = new ArrayList<>();
    for (JsonElement element : row.getAsJsonArray("messages")) {
      JsonObject turn = element.getAsJsonObject();
      messages.add(
          new ChatMessage(turn.get("role").getAsString(), turn.get("content").getAsString()));
    }
    Map<String, Object> date = Map.of("date_string", "01 Feb 2026");
    JsonElement expected = row.get("expected");
    if (expected.isJsonPrimitive()) {
      assertThat(template.render(messages, generate, date)).isEqualTo(expected.getAsString());
    } else {
      String reason = expected.getAsJsonObject().get("error").getAsString();
      assertThatThrownBy(() -> template.render(messages, generate, date))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining(reason)
          .hasMessageContaining(file);
    }
  }

  private void write(String file, String text) throws IOException {
    Files.writeString(folder.resolve(file), text);
  }

  @Test
  void theFileOfItsOwnComesBeforeTheTokenizersConfig() throws IOException {
    assertThat(ChatTemplate.open(folder)).isEmpty();
    write("tokenizer_config.json", "{\"bos_token\": \"<s>\"}");
    assertThat(ChatTemplate.open(folder)).isEmpty();
    write(
        "tokenizer_config.json",
        "{\"bos_token\": \"<s>\", \"chat_template\": \"{{ bos_token }}config\"}");
    assertThat(ChatTemplate.open(folder).orElseThrow().render(USER, true)).isEqualTo("<s>config");
    write("chat_template.jinja", "{{ bos_token }}file");
    assertThat(ChatTemplate.open(folder).orElseThrow().render(USER, true)).isEqualTo("<s>file");
  }

  @Test
  void ofNamedTemplatesTheDefaultIsTaken() throws IOException {
    String named =
        "{\"chat_template\": [{\"name\": \"%s\", \"template\": \"{{ messages[0].content }}!\"}]}";
    write("tokenizer_config.json", named.formatted("default"));
    assertThat(ChatTemplate.open(folder).orElseThrow().render(USER, true)).isEqualTo("hi!");
    write("tokenizer_config.json", named.formatted("tool_use"));
    assertThatThrownBy(() -> ChatTemplate.open(folder))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("no default");
  }

  @Test
  void todayHasPythonsFormat() throws IOException {
    write(
        "chat_template.jinja",
        "{% if strftime_now is defined %}{{ strftime_now('%d %b %Y') }}{% endif %}");
    assertThat(ChatTemplate.open(folder).orElseThrow().render(USER, true))
        .matches("\\d\\d [A-Z][a-z]{2} 20\\d\\d");
  }

  @Test
  void allSpecialTokensAreVariables() throws IOException {
    write(
        "tokenizer_config.json",
        """
        {"pad_token": "<pad>", "unk_token": {"content": "<unk>"}, "image_token": "<image>",
         "num_image_token": 256, "add_bos_token": true, "cls_token": null,
         "extra_special_tokens": {"audio": "<audio>"}}
        """);
    write("special_tokens_map.json", "{\"pad_token\": \"no\", \"eos_token\": \"</s>\"}");
    write(
        "chat_template.jinja",
        "{{ pad_token }}{{ unk_token }}{{ image_token }}{{ eos_token }}{{ audio }}"
            + "{{ num_image_token is defined or add_bos_token is defined }}{{ cls_token is defined }}"
            + "{{ bos_token is defined }}{{ tools is none }}{{ documents is none }}");
    assertThat(ChatTemplate.open(folder).orElseThrow().render(USER, true))
        .isEqualTo("<pad><unk><image></s><audio>FalseFalseFalseTrueTrue");
  }

  @Test
  void moreVariablesComeBeforeTheTokenizers() throws IOException {
    write("tokenizer_config.json", "{\"pad_token\": \"<pad>\"}");
    write(
        "chat_template.jinja", "{{ pad_token }}{{ enable_thinking is false }}{{ tools | length }}");
    Map<String, Object> variables =
        Map.of("pad_token", "<p>", "enable_thinking", false, "tools", List.of(Map.of("a", 1)));
    assertThat(ChatTemplate.open(folder).orElseThrow().render(USER, true, variables))
        .isEqualTo("<p>True1");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% for m in messages %}{{ m.content }",
        "{{ messages[0].content ] }}",
        "{{ messages[0].content | nosuchfilter }}",
        "{% nosuchtag %}",
      })
  void wrongSyntaxIsToldWhenTheTemplateIsOpened(String text) throws IOException {
    write("chat_template.jinja", text);
    assertThatThrownBy(() -> ChatTemplate.open(folder))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("chat_template.jinja: the chat template fails: line 1: ");
  }

  @Test
  void aTemplateThatFailsIsOneSentence() throws IOException {
    write("chat_template.jinja", "\n{{ messages[0].content.nosuchmethod() }}");
    ChatTemplate template = ChatTemplate.open(folder).orElseThrow();
    assertThatThrownBy(() -> template.render(USER, true))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("chat_template.jinja: the chat template fails: line 2: ");
  }
}
