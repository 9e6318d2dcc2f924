package dev.questspark.engine.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.jinja.failure.JinjaException;
import dev.questspark.engine.model.ModelFolder;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class JinjaTemplateTest {

  private static List<JsonObject> lines() throws IOException {
    String text = Files.readString(ModelFolder.resource("chat-templates/constructs.json"));
    return text.lines().map(line -> JsonParser.parseString(line).getAsJsonObject()).toList();
  }

  static Stream<Arguments> constructs() throws IOException {
    List<JsonObject> lines = lines();
    Map<String, Object> variables = RenderLines.variables(lines.get(0));
    return lines.stream()
        .skip(1)
        .map(row -> Arguments.of(row.get("template").getAsString(), row, variables));
  }

  private static String render(String template) {
    return JinjaTemplate.parse(template).render(Map.of("s", "Hello"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("constructs")
  void meansWhatItMeansInPython(String template, JsonObject row, Map<String, Object> variables) {
    if (row.has("text")) {
      assertThat(JinjaTemplate.parse(template).render(variables))
          .isEqualTo(row.get("text").getAsString());
    } else {
      assertThatThrownBy(() -> JinjaTemplate.parse(template).render(variables))
          .isInstanceOf(JinjaException.class)
          .hasMessageNotContaining("\n");
    }
  }

  @Test
  void aLiteralHasAnyLength() {
    String long1 = "a\\n".repeat(100_000);
    assertThat(render("{{ '" + long1 + "' | length }}{{ \"" + long1 + "\" | length }}"))
        .isEqualTo("200000200000");
  }

  @ParameterizedTest
  @ValueSource(strings = {"(|)", "[|]", "{1: |}", "-|", "not |", "s if s else |", "s[|]", "s(|)"})
  void deepNestingIsOneSentence(String around) {
    int hole = around.indexOf('|');
    for (int depth : new int[] {1_000, 50_000}) {
      String before = around.substring(0, hole).repeat(depth);
      String template = "{{ " + before + "1" + around.substring(hole + 1).repeat(depth) + " }}";
      assertThatThrownBy(() -> render(template))
          .isInstanceOf(JinjaException.class)
          .hasMessageMatching("(line 1: )?[^\n]+");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{{ s | upper REPEAT }}; | upper",
        "{{ s REPEAT }}; ~ s",
        "{{ s REPEAT }}; + s",
        "{{ s REPEAT }};' or s'",
      })
  void aLongChainEndsInTextOrInOneSentence(String template, String link) {
    assertThat(render(template.replace("REPEAT", link.repeat(20)))).containsIgnoringCase("hello");
    String endless = template.replace("REPEAT", link.repeat(200_000));
    try {
      assertThat(render(endless)).containsIgnoringCase("hello");
    } catch (JinjaException e) {
      assertThat(e).hasMessageContaining("too deeply");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}; macros call each other more than",
        "{% for i in [[]] recursive %}{{ loop([i]) }}{% endfor %}; too deeply",
        "{{ range(100001) }}; at most 100000",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %};"
            + " more than 5000000 turns",
        "{% set n = namespace(s='a') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}"
            + "{% endfor %}; grows beyond",
        "{% set n = namespace(s='a') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}"
            + "{% endfor %}; grows beyond",
        "{% for i in range(90000) %}{{ 'aaaaaaaa' * 1000 }}{% endfor %}; grows beyond",
        "{{ 'a' * 999999999999 }}; grows beyond",
        "{{ [0] * 999999999999 }}; grows beyond",
        "{{ 9 ** 999999999 }}; grows beyond",
        "{{ '%999999999d' % 1 }}; grows beyond",
        "{{ '{:999999999}'.format(1) }}; grows beyond",
        "{{ 'a'.center(999999999) }}; grows beyond",
        "{{ 'a' | indent(999999999) }}; grows beyond",
        "{% set n = namespace(l=[]) %}{% for i in range(99999) %}{% set n.l = [n.l] %}"
            + "{% endfor %}{{ n.l }}; too deeply",
      })
  void whatRunsAwayIsOneSentence(String template, String reason) {
    assertThatThrownBy(() -> render(template))
        .isInstanceOf(JinjaException.class)
        .hasMessageContaining(reason);
  }

  /** Wherever the stack ends: Java's regular expressions, for one, report that in their own way. */
  @Test
  void aLoopWithoutEndIsOneSentenceOnStacksOfAnySize() throws InterruptedException {
    JinjaTemplate endless =
        JinjaTemplate.parse(
            "{% for i in ['-1'] recursive %}{{ i | float }}{{ '00' | int(base=0) }}"
                + "{{ '{a}'.format_map({'a': i}) }}{{ strftime_now('%-d') }}{{ loop([i]) }}"
                + "{% endfor %}");
    Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
    int sizes = 100;
    for (int i = 0; i < sizes; i++) {
      Thread thread =
          new Thread(
              null,
              () -> failures.add(catchThrowable(() -> endless.render(Map.of()))),
              "stack " + i,
              400_000 + i * 1009L);
      thread.start();
      thread.join();
    }
    assertThat(failures)
        .hasSize(sizes)
        .allSatisfy(
            failure ->
                assertThat(failure)
                    .isInstanceOf(JinjaException.class)
                    .hasMessageContaining("too deeply"));
  }

  /** Text of an object's address, or bytes, no template means; guessing would be silent. */
  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{{ s.upper }}; function cannot be printed",
        "{{ [1] | map('string') }}; generator cannot be printed",
        "{{ s.encode() }}; 'encode' is not supported",
        "\\n\\n{{ s | nosuch }}; line 3: the filter 'nosuch'",
        "\\n{{ s.nosuch() }}; line 2: a value of type str has no attribute 'nosuch'",
        "\\n{{ s is nosuch }}; line 2: the test 'nosuch'",
        "\\n{% import 'x' as y %}; line 2: {% import %} is not supported",
        "{% for m in [1] %}\\n\\n{{ m.a.b }}{% endfor %}; line 3: a value of type int has no",
        "{{ '\\ud83e' }}; half of a character",
      })
  void aRefusalNamesTheConstructAndItsLine(String template, String reason) {
    String lines = template.replace("\\n", "\n");
    assertThatThrownBy(() -> render(lines))
        .isInstanceOf(JinjaException.class)
        .hasMessageContaining(reason);
  }

  @Test
  void rendersTheSameAgainAndChangesNoArgument() {
    List<Object> items = new ArrayList<>(List.of(1, 2.5, "x"));
    JinjaTemplate template = JinjaTemplate.parse("{% set l = l + [0] %}{{ l }}{{ m }}");
    Map<String, Object> variables = Map.of("l", items, "m", Map.of("k", 1L));
    assertThat(template.render(variables)).isEqualTo("[1, 2.5, 'x', 0]{'k': 1}");
    assertThat(template.render(variables)).isEqualTo("[1, 2.5, 'x', 0]{'k': 1}");
    assertThat(items).hasSize(3);
  }
}
