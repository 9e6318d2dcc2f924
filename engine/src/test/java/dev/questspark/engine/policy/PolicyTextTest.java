package dev.questspark.engine.policy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.select.SelectionUnit;
import java.lang.reflect.RecordComponent;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PolicyTextTest {
  private static final int POLICIES = 2000;
  private static final int DEEPEST = 3;

  /** A registered policy with random parameters, from their types alone. */
  private static ReadPolicy random(Random random, int depth) {
    List<String> names = List.copyOf(ReadPolicies.KNOWN.names());
    while (true) {
      String name = names.get(random.nextInt(names.size()));
      Map<String, String> values = new HashMap<>();
      boolean tooDeep = false;
      for (RecordComponent component : classOf(name).getRecordComponents()) {
        Class<?> type = component.getType();
        if (type == ReadPolicy.class) {
          tooDeep = depth == DEEPEST;
          values.put(component.getName(), tooDeep ? "" : random(random, depth + 1).text());
        } else if (type.isEnum()) {
          Object[] words = type.getEnumConstants();
          values.put(component.getName(), words[random.nextInt(words.length)].toString());
        } else if (type == PageScore.class) {
          int score = random.nextInt(PageScores.KNOWN.size());
          values.put(component.getName(), PageScores.KNOWN.get(score).name());
        } else if (type == double.class) {
          values.put(component.getName(), String.valueOf(1 - random.nextDouble()));
        } else {
          values.put(component.getName(), String.valueOf(1 + random.nextInt(5000)));
        }
      }
      try {
        if (!tooDeep) {
          return ReadPolicies.KNOWN.of(name, values);
        }
      } catch (ConfigException contradiction) {
        assertThat(contradiction).hasMessageContaining("or at least floor"); // drawn again
      }
    }
  }

  private static Class<?> classOf(String name) {
    return ReadPolicies.KNOWN.recordOf(name);
  }

  @Test
  void everyTextGivesItsPolicyBack() {
    Random random = new Random(3);
    for (int i = 0; i < POLICIES; i++) {
      ReadPolicy policy = random(random, 0);
      String text = policy.text();
      assertThat(ReadPolicy.parse(text)).isEqualTo(policy);
      assertThat(ReadPolicy.parse(text.replace(" ", "").replace(",", " ,\n "))).isEqualTo(policy);
      assertThat(ReadPolicy.parse(text).text()).isEqualTo(text);
    }
  }

  @Test
  void theTextNamesEveryParameterAndReadingNeedsFew() {
    Quest quest = new Quest(1024, PageScores.MINMAX, SelectionUnit.BLOCK, GroupReduction.MAX, 4, 0);
    assertThat(quest.text())
        .isEqualTo("quest(budget=1024, score=minmax, unit=block, reduction=max, sink=4, recent=0)");
    assertThat(ReadPolicy.parse(" quest ( score = minmax, budget = 1024 ) ")).isEqualTo(quest);
    assertThat(ReadPolicy.parse("quest(sink=0, score=MEANSTD, unit=page, budget=64)"))
        .isEqualTo(new Quest(64, PageScores.MEANSTD, SelectionUnit.PAGE, GroupReduction.MAX, 0, 0));
    assertThat(ReadPolicy.parse("all")).isEqualTo(new Dense()).hasToString("Dense[]");
    assertThat(new Dense().text()).isEqualTo("dense");
    assertThat(ReadPolicy.parse("skip_layers(quest(budget=1024, score=minmax))"))
        .isEqualTo(new SkipLayers(2, quest));
    assertThat(new MinContext(9, new SkipLayers(1, quest)).text())
        .isEqualTo("min_context(tokens=9, skip_layers(layers=1, " + quest.text() + "))");
    assertThat(ReadPolicy.parse("min_context(policy=dense, tokens=3)"))
        .isEqualTo(new MinContext(3, new Dense()));
  }

  @Test
  void aFamilyIsEverythingButTheBudget() {
    assertThat(ReadPolicy.parse("quest(budget=64)").family()).isEqualTo("quest");
    assertThat(ReadPolicy.parse("quest(budget=64, score=minmax)").family())
        .isEqualTo("quest(score=minmax)");
    ReadPolicy wrapped = ReadPolicy.parse("skip_layers(layers=1, sink_recent(budget=64))");
    assertThat(wrapped.family()).isEqualTo("sink_recent, 1 dense layer");
    assertThat(wrapped.label()).isEqualTo("sink_recent 64, 1 dense layer");
    assertThat(wrapped.unwrapped()).isEqualTo(new SinkRecent(64, 4));
    assertThat(wrapped.kvBudget()).hasValue(64);
    assertThat(wrapped.dense()).isFalse();
    assertThat(ReadPolicy.parse("skip_layers(dense)").dense()).isTrue();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "qest(budget=9)|policy 'qest' is unknown; known: POLICIES; did you mean quest?",
        "quest(bugdet=9)|policy quest: parameter 'bugdet' is unknown; known: budget, score,"
            + " unit, reduction, sink, recent; did you mean budget?",
        "quest(budget=many)|policy quest: budget is 'many'; it must be a whole number",
        "quest(budget=9, score=best)|policy quest: score is 'best'; it must be one of minmax,"
            + " meanstd",
        "quest|policy quest: budget is missing; it must be a whole number",
        "quest(budget=0)|policy quest: budget is 0; it must be at least 1",
        "quest(budget=9, sink=-1)|policy quest: sink is -1; it must be at least 0",
        "quest(budget=9, budget=8)|policy quest: budget is given twice; keep one",
        "quest(9)|policy quest: '9' names no parameter; write name=value, with budget, score,"
            + " unit, reduction, sink, recent",
        "skip_layers(layers=1)|policy skip_layers: the policy inside it is missing",
        "skip_layers(layers=1, kwest(budget=9))|policy 'kwest' is unknown; known: POLICIES; did you mean quest?",
        "dense(budget=9)|policy dense: parameter 'budget' is unknown; it has none",
        "quest(budget=9|policy 'quest(budget=9' cannot be read; write name(parameter=value, ...)",
        "quest(budget=9))|policy 'budget=9)' cannot be read; write name(parameter=value, ...)",
        "quest(budget=)|policy 'quest(budget=)' cannot be read; write name(parameter=value, ...)"
      })
  void mistakesAreOneSentence(String text, String message) {
    assertThatThrownBy(() -> ReadPolicy.parse(text))
        .isInstanceOf(ConfigException.class)
        .hasMessage(message.replace("POLICIES", String.join(", ", ReadPolicies.KNOWN.names())));
  }

  @Test
  void aBudgetWithoutRoomIsRefusedWithTheOneThatHas() {
    assertThatThrownBy(
            () ->
                ReadPolicy.parse("quest(budget=32, sink=16, recent=64)")
                    .selector(new PageShape(16, 16)))
        .isInstanceOf(ConfigException.class)
        .hasMessageContainingAll("kv_budget 32 is 2 units of 16 tokens", "raise kv_budget to 96");
    assertThatThrownBy(
            () ->
                ReadPolicy.parse("skip_layers(sink_recent(budget=16))")
                    .selector(new PageShape(16, 16)))
        .hasMessageContaining("raise kv_budget to 32");
  }
}
