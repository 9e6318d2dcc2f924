package dev.questspark.job.sql;

import static dev.questspark.job.sql.SqlFunctionsTest.QUESTION;
import static dev.questspark.job.sql.SqlFunctionsTest.metric;
import static dev.questspark.job.sql.SqlFunctionsTest.nodes;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.job.TestSpark;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Calls in the shapes of SQL in which people write them: what they give and what they cost. */
@Tag("spark")
class SqlShapesTest {
  private static final String VAULT = "'What is the vault code of the wild tiger?'";
  private static final String ANSWER = "ai_answer(text, " + QUESTION + ")";

  private static SparkSession spark;

  /** Ten documents in one partition; the odd ones have been answered. */
  @BeforeAll
  static void documents() {
    spark = TestSpark.session();
    SqlFunctionsTest.CONF.forEach(spark.conf()::set);
    spark
        .range(0, 10, 1, 1)
        .selectExpr(
            "id",
            "concat('It was a grey morning. The gate code of the silver otter is 4000', id,"
                + " '. The vault code of the wild tiger is 7000', id, '. Nobody spoke.') as text",
            "if(id % 2 = 1, concat('done ', id), null) as done")
        .createOrReplaceTempView("shapes");
  }

  @AfterAll
  static void asBefore() {
    SqlFunctionsTest.CONF.keySet().forEach(spark.conf()::unset);
    spark.catalog().dropTempView("shapes");
  }

  private static Dataset<Row> sql(String query) {
    return spark.sql(query);
  }

  private static List<String> column(Dataset<Row> rows) {
    return rows.collectAsList().stream().map(row -> row.getString(0)).toList();
  }

  private static List<String> codes(int... ids) {
    return IntStream.of(ids).mapToObj(id -> " 4000" + id).toList();
  }

  @Test
  void aBranchComputesTheRowsThatTakeIt() {
    for (String call :
        List.of(
            "case when id = 4 then " + ANSWER + " end",
            "if(id <> 4, done, " + ANSWER + ")",
            "case when id < 4 then done when id > 4 then done else " + ANSWER + " end",
            "coalesce(if(id <> 4, 'known', null), " + ANSWER + ")",
            "nvl(if(id <> 4, 'known', null), " + ANSWER + ")",
            "id <> 4 or " + ANSWER + " = ''",
            "id = 4 and " + ANSWER + " = ''")) {
      assertThat(metric(sql("select " + call + " as a from shapes"), "answers"))
          .as(call)
          .isEqualTo(1);
    }
    assertThat(column(sql("select coalesce(done, " + ANSWER + ") from shapes where id < 4")))
        .containsExactly(" 40000", "done 1", " 40002", "done 3");
    Dataset<Row> second =
        sql(
            "select coalesce(if(id < 3, null, done), nullif("
                + ANSWER
                + ", ' 40002'), ai_answer(text, "
                + VAULT
                + ")) from shapes where id < 3");
    assertThat(column(second)).containsExactly(" 40000", " 40001", " 70002");
    assertThat(metric(second, "answers"))
        .as("the next only where the first gave none")
        .isEqualTo(4);
  }

  @Test
  void aCallInTwoBranchesIsMadeForBothAndOneInNoneNever() {
    String query =
        "select case when id = 1 then concat('a', %1$s) when id = 2 then concat('b', %1$s) end"
            .formatted(ANSWER);
    Dataset<Row> both = sql(query + " from shapes");
    assertThat(metric(both, "answers")).isEqualTo(2);
    assertThat(column(both).subList(1, 3)).containsExactly("a 40001", "b 40002");
    assertThat(metric(sql(query + ", " + ANSWER + " from shapes"), "answers")).isEqualTo(10);
    Dataset<Row> random =
        sql("select if(rand(7) < 0.5, " + ANSWER + ", " + ANSWER + ") from shapes where id < 3");
    assertThat(column(random)).as("a condition that differs each time").isEqualTo(codes(0, 1, 2));
  }

  /** What a branch avoids is not evaluated for its call either. */
  @Test
  void anArgumentIsNotEvaluatedWhereItsCallIsNotMade() {
    spark.conf().set("spark.sql.ansi.enabled", "true");
    try {
      assertThat(
              column(
                  sql(
                      "select if(id > 0, ai_answer(concat(text, string(6 / id)), "
                          + QUESTION
                          + "), 'none') from shapes where id < 2")))
          .containsExactly("none", " 40001");
    } finally {
      spark.conf().unset("spark.sql.ansi.enabled");
    }
  }

  @Test
  void aCallOverAnAggregateIsMadeOncePerGroup() {
    String all = "ai_answer(concat_ws(' ', sort_array(collect_list(text))), " + QUESTION + ")";
    Dataset<Row> grouped =
        sql(
            "select "
                + all
                + ", id % 3, count(*) from shapes where id < 3 group by id % 3 order by 2");
    assertThat(column(grouped)).isEqualTo(codes(0, 1, 2));
    assertThat(metric(grouped, "answers")).isEqualTo(3);
    assertThat(column(sql("select ai_answer(first(text), " + QUESTION + ") from shapes")))
        .isEqualTo(codes(0));
    assertThat(
            column(
                sql(
                    "select ai_answer(joined, "
                        + QUESTION
                        + ") from (select max(text) as joined from shapes group by id having id < 2)"
                        + " order by 1")))
        .isEqualTo(codes(0, 1));
    assertThat(column(sql("select (select ai_answer(min(text), " + QUESTION + ") from shapes)")))
        .isEqualTo(codes(0));
    assertThat(
            metric(
                sql(
                    "select "
                        + ANSWER
                        + ", count(*) from (select text from shapes where id < 2"
                        + " union all select text from shapes where id < 2) group by text"),
                "answers"))
        .as("of a grouping column, once per group")
        .isEqualTo(2);
  }

  @Test
  void aCallInSelectAndWhereIsMadeOnce() {
    Dataset<Row> filtered =
        sql("select " + ANSWER + " from shapes where " + ANSWER + " > ' 40007'");
    assertThat(column(filtered)).isEqualTo(codes(8, 9));
    assertThat(metric(filtered, "answers")).isEqualTo(10);
    Dataset<Row> other =
        sql("select ai_answer(text, " + VAULT + ") from shapes where " + ANSWER + " > ' 40007'");
    assertThat(column(other)).containsExactly(" 70008", " 70009");
    assertThat(metric(other, "answers")).as("another call, for the rows that pass").isEqualTo(12);
  }

  @Test
  void anArrayOfQuestionsGivesAnArrayOfAnswers() {
    String questions = "array(" + QUESTION + ", null, ' ', " + VAULT + ", " + QUESTION + ")";
    Dataset<Row> many =
        sql(
            "select ai_answer(text, "
                + questions
                + ", on_error => 'null') from shapes where id = 5");
    assertThat(many.head().getList(0)).containsExactly(" 40005", null, null, " 70005", " 40005");
    assertThat(metric(many, "answers")).as("equal questions once, null never").isEqualTo(3);
    Row recorded =
        sql("select ai_answer(text, array(' ', "
                + VAULT
                + "), on_error => 'record'), ai_answer(text, cast(null as array<string>)),"
                + " ai_answer(text, cast(array() as array<string>)), ai_answer(null, array('a'))"
                + " from shapes where id = 5")
            .head();
    List<Row> structs = recorded.getList(0);
    assertThat(structs.get(0).getString(1)).isEqualTo("EMPTY_QUESTION");
    assertThat(structs.get(1).getString(0)).isEqualTo(" 70005");
    assertThat(recorded.isNullAt(1)).isTrue();
    assertThat(recorded.getList(2)).isEmpty();
    assertThat(recorded.isNullAt(3)).isTrue();
    assertThatThrownBy(() -> sql("select ai_answer(text, array(' ')) from shapes").collectAsList())
        .rootCause()
        .hasMessageContaining("EMPTY_QUESTION");
  }

  /** Any way of asking several questions of a document costs what the job would compute. */
  @Test
  void manyQuestionsOfADocumentShareItsPrefill() {
    String questions = "array(" + QUESTION + ", " + VAULT + ", 'Who spoke?')";
    long array =
        metric(
            sql("select ai_answer(text, " + questions + ") from shapes where id < 2"),
            "computedTokens");
    Dataset<Row> exploded =
        sql(
            "select ai_answer(text, q) from (select text, explode("
                + questions
                + ") as q from shapes where id < 2)");
    long apart =
        metric(
            sql(
                "select ai_answer(text, q) from (select text, explode("
                    + questions
                    + ") as q from shapes where id < 2 distribute by 1 sort by q, text)"),
            "computedTokens");
    long calls =
        metric(
            sql(
                "select "
                    + ANSWER
                    + ", ai_answer(text, "
                    + VAULT
                    + "), upper(ai_answer(text, 'Who spoke?')) from shapes where id < 2"),
            "computedTokens");
    assertThat(metric(exploded, "computedTokens")).isEqualTo(array).isEqualTo(calls);
    assertThat(array).isLessThan(apart);
    assertThat(column(exploded).subList(0, 2)).containsExactly(" 40000", " 70000");
    assertThat(metric(exploded, "answers")).isEqualTo(6);
  }

  @Test
  void noAnswerDependsOnWhichRowsMet() {
    String call = "ai_answer(text, q, temperature => 1.0, seed => 5)";
    String from =
        "from (select text, id, explode(array('Who?', 'Where?', 'Why?')) as q from shapes where id < 2)";
    List<String> together = column(sql("select " + call + " " + from + " order by id, q"));
    List<String> alone =
        column(
            sql(
                "select "
                    + call
                    + " from (select * "
                    + from
                    + " distribute by q sort by q, id)"
                    + " order by id, q"));
    assertThat(alone).isEqualTo(together);
  }

  @Test
  void optionsMayStandInAMapAtTheEnd() {
    String one =
        column(sql("select ai_answer(text, " + QUESTION + ", max_tokens => 1) from shapes limit 1"))
            .get(0);
    assertThat(one).isNotEqualTo(" 40000");
    for (String map :
        List.of(
            "map('max_tokens', '1')",
            "map('max_tokens', 1, 'temperature', 0.0)",
            "map('maxTokens', 1, 'temperature', 0d), seed => 4")) {
      assertThat(
              column(
                  sql("select ai_answer(text, " + QUESTION + ", " + map + ") from shapes limit 1")))
          .as(map)
          .containsExactly(one);
    }
    assertThatThrownBy(() -> sql("select ai_answer(text, 'q', map('max_tokens', id)) from shapes"))
        .hasMessageContaining("map of options of ai_answer is not a constant");
    assertThatThrownBy(
            () -> sql("select ai_answer(text, 'q', map('seed', 1), seed => 2) from shapes"))
        .hasMessageContaining("seed twice");
  }

  @Test
  void aRowThatCannotBeAnsweredMayBeNull() {
    assertThat(
            column(
                sql(
                    "select ai_answer(if(id = 0, ' ', text), "
                        + QUESTION
                        + ", on_error => 'null') from shapes where id < 2")))
        .containsExactly(null, " 40001");
    assertThatThrownBy(() -> sql("select ai_answer(text, 'q', on_error => 'skip') from shapes"))
        .hasMessageContaining("must be one of fail, record, null");
  }

  /** What Python shows as one sentence: these types, with these messages. */
  @Test
  void mistakesAreOneSentenceInTheWordsOfSql() {
    for (List<String> mistake :
        List.of(
            List.of("ai_answer(text, 'q', max_tokenz => 5)", "did you mean max_tokens?"),
            List.of("ai_answer(text, 'q', max_tokens => 'many')", "must be a number"),
            List.of("ai_answer(text, 'q', model => '/no/such')", "/no/such does not exist"),
            List.of(
                "ai_answer(text, 'q', policies => 'dense', kv_budget => 64)", "policies says"))) {
      assertThatThrownBy(() -> sql("select " + mistake.get(0) + " from shapes"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(mistake.get(1))
          .satisfies(
              refused -> {
                assertThat(refused.getMessage()).hasSizeLessThan(250);
                assertThat(refused.getMessage()).doesNotContain("--", "conf/README.md", "\n");
              });
    }
    assertThatThrownBy(
            () ->
                sql("select 1 from shapes a join shapes b on " + "ai_answer(a.text, b.text) = ''"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("cannot stand in a join's condition; compute it in a select first");
    assertThatThrownBy(() -> sql("select max(" + ANSWER + ") from shapes"))
        .hasMessageContaining(
            "cannot stand in an aggregate function; compute it in a select first");
  }

  @Test
  void explainShowsModelPolicyAndTemplate() {
    Dataset<Row> query =
        sql("select if(id = 1, ai_answer(text, 'q', kv_budget => 256), '') from shapes");
    assertThat(query.queryExecution().executedPlan().toString())
        .contains(
            "model=", "demo/model", "quest", "256", "prompt_template=", "demo.txt", " where ");
    assertThat(nodes(query)).hasSize(1);
  }
}
