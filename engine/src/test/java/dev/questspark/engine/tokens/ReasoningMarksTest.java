package dev.questspark.engine.tokens;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.model.ModelFolder;
import dev.questspark.engine.tokens.ReasoningMarks.Parts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Thinking and answers, by marks that are tokens, special tokens, or plain text. */
class ReasoningMarksTest {
  @TempDir static Path folder;

  /** Has no token of several characters. */
  private static final Tokenizer PLAIN = new ByteTokenizer();

  /** Has {@code <think>} as tokens that are text, as Qwen3, and {@code [THINK]} as special ones. */
  private static HfTokenizer marked;

  @BeforeAll
  static void open() throws IOException {
    Path source = ModelFolder.resource("tokenizers/bpe");
    JsonObject json =
        JsonParser.parseString(Files.readString(source.resolve("tokenizer.json")))
            .getAsJsonObject();
    String[] added = {"<think>", "</think>", "[THINK]", "[/THINK]"};
    for (int i = 0; i < added.length; i++) {
      JsonObject token = json.getAsJsonArray("added_tokens").get(0).getAsJsonObject().deepCopy();
      token.addProperty("content", added[i]);
      token.addProperty("id", 398 + i);
      token.addProperty("special", i >= 2);
      json.getAsJsonArray("added_tokens").add(token);
    }
    Files.writeString(folder.resolve("tokenizer.json"), json.toString());
    marked = HfTokenizer.open(folder);
  }

  @AfterAll
  static void close() {
    marked.close();
  }

  private static List<Integer> ids(Tokenizer tokenizer, String text) {
    return Arrays.stream(tokenizer.encode(text, false)).boxed().toList();
  }

  /** Of a generated text, the marks of special tokens written out. */
  private static Parts split(Tokenizer tokenizer, String template, String end, String generated) {
    List<Integer> ids = ids(tokenizer, generated);
    String text = tokenizer.decode(ids.stream().mapToInt(id -> id).toArray(), true);
    return ReasoningMarks.of(tokenizer, template, end).split(ids, text);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "<think>|</think>",
        "[THINK]|[/THINK]",
      })
  void marksThatAreTokensNeedNoTemplate(String begin, String end) {
    String thinking = begin + "\nThe whale, surely.\n" + end;
    Parts parts = split(marked, "", "", thinking + "\n\nThe white whale.\n");
    assertThat(parts)
        .isEqualTo(
            new Parts(
                Optional.of("The whale, surely."),
                "The white whale.\n",
                ids(marked, thinking).size(),
                true));
    assertThat(split(marked, "", "", " \n" + thinking + "It").answer()).isEqualTo("It");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "<think>; </think>",
        "[THINK];[/THINK]",
        "<seed:think>; </seed:think>",
        "<thought>; </thought>",
        "<|START_THINKING|>;<|END_THINKING|>",
        "◁think▷;◁/think▷",
        "Here is my thought process:;Here is my response:",
      })
  void marksOfSeveralTokensAreFoundInTheTemplate(String begin, String end) {
    String generated = begin + " Hm.\n" + end + "\nNine.";
    assertThat(split(PLAIN, "", "", generated))
        .as("a template that does not know the marks")
        .isEqualTo(new Parts(Optional.empty(), generated, 0, true));
    Parts parts = split(PLAIN, "{{ m.content.split('" + end + "') }}", "", generated);
    assertThat(parts.reasoning()).contains("Hm.");
    assertThat(parts.answer()).isEqualTo("Nine.");
    int least = ids(PLAIN, begin + " Hm.\n" + end).size();
    assertThat(parts.reasoningTokens()).isBetween(least - 1, least + 1);
  }

  @Test
  void thePromptMayHaveOpenedTheThinking() {
    String generated = "Hm.\n</think>\n\nNine.";
    Parts nine = new Parts(Optional.of("Hm."), "Nine.", ids(marked, "Hm.\n</think>").size(), true);
    assertThat(split(marked, "", "<|im_start|>assistant\n<think>\n", generated)).isEqualTo(nine);
    assertThat(split(marked, "", "assistant\n<think>\n", "<think>" + generated).answer())
        .isEqualTo("Nine.");
    // one that opens and closes it wants the answer alone
    String closed = "<|im_start|>assistant\n<think>\n\n</think>\n\n";
    assertThat(split(marked, "", closed, "Nine.").answer()).isEqualTo("Nine.");
    assertThat(split(marked, "", closed, "Nine.").reasoning()).isEmpty();
    // the pair that is open counts, whatever else the tokenizer knows
    assertThat(split(marked, "", "[THINK]", "So </think> is it.[/THINK]Nine.").reasoning())
        .contains("So </think> is it.");
  }

  @Test
  void aTextThatEndsInsideItsThinkingHasNoAnswer() {
    for (String generated : List.of("<think>\nWell, the whale", "[THINK] Well, the whale")) {
      Parts parts = split(marked, "", "", generated);
      assertThat(parts.answer()).isEmpty();
      assertThat(parts.reasoning()).contains("Well, the whale");
      assertThat(parts.reasoningTokens()).isEqualTo(ids(marked, generated).size());
      assertThat(parts.finished()).isFalse();
    }
    assertThat(split(marked, "", "<think>", "").finished()).isFalse();
  }

  @Test
  void anAnswerAboutMarksIsLeftAsItIs() {
    for (String answer :
        List.of("It writes <think> first and </think> last.", "</think>", "", "a [/THINK] b")) {
      Parts parts = split(PLAIN, "</think> [/THINK]", "", answer);
      assertThat(parts).isEqualTo(new Parts(Optional.empty(), answer, 0, true));
    }
    assertThat(split(marked, "", "", "Use <think> here.</think>").answer())
        .isEqualTo("Use <think> here.</think>");
    assertThat(split(marked, "", "", "<think>a</think>b </think> c").answer())
        .isEqualTo("b </think> c");
  }

  @Test
  void whatAStopStringCutIsCutFromTheAnswer() {
    List<Integer> ids = ids(marked, "<think>a</think>\nNine. END of it");
    Parts parts = ReasoningMarks.of(marked, "", "").split(ids, "<think>a</think>\nNine. ");
    assertThat(parts.answer()).isEqualTo("Nine. ");
    List<Integer> special = ids(marked, "[THINK]a[/THINK]\nNine. END");
    assertThat(ReasoningMarks.of(marked, "", "").split(special, "a\nNine. ").answer())
        .isEqualTo("Nine. ");
  }

  @Test
  void marksAroundTheAnswerGoWithTheThinking() {
    assertThat(split(marked, "", "", "<think>a</think>\n<answer>\nNine.\n</answer>").answer())
        .isEqualTo("Nine.");
    assertThat(split(marked, "", "", "<think>a</think><response>Ni").answer()).isEqualTo("Ni");
    assertThat(split(marked, "", "", "<answer>Nine.</answer>").answer())
        .as("no thinking")
        .isEqualTo("<answer>Nine.</answer>");
  }
}
