package dev.questspark.job.sql;

import static org.apache.spark.sql.functions.expr;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.stats.EngineReport;
import dev.questspark.job.TestSpark;
import dev.questspark.job.executor.ExecutorEngine;
import dev.questspark.job.options.Choices.Task;
import dev.questspark.job.options.resolve.QueryOptions;
import dev.questspark.job.sql.call.EmbeddedEngine;
import dev.questspark.job.sql.call.Plans;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.adaptive.AdaptiveSparkPlanExec;
import org.apache.spark.sql.execution.adaptive.QueryStageExec;
import org.apache.spark.util.LongAccumulator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The functions as a query sees them: what is computed, how often, and what is refused. */
@Tag("spark")
class SqlFunctionsTest {
  static final Map<String, String> CONF =
      Map.of(
          "spark.questspark.model",
          Path.of("..", "demo", "model").toAbsolutePath().normalize().toString(),
          "spark.questspark.prompt_template",
          Path.of("..", "conf", "prompts", "demo.txt").toAbsolutePath().normalize().toString(),
          "spark.questspark.kv_cache_memory_bytes",
          "64m",
          "spark.questspark.max_model_len",
          "1024",
          "spark.questspark.max_tokens",
          "8",
          "spark.questspark.max_in_flight",
          "3");
  static final String QUESTION = "'What is the gate code of the silver otter?'";

  private static SparkSession spark;
  private static LongAccumulator read;

  @BeforeAll
  static void documents() {
    spark = TestSpark.session();
    CONF.forEach(spark.conf()::set);
    read = spark.sparkContext().longAccumulator("rows read");
    LongAccumulator counter = read;
    MapFunction<Long, String> text =
        number -> {
          counter.add(1);
          return "It was a grey morning. The gate code of the silver otter is 4%04d. Nobody spoke."
              .formatted(number);
        };
    spark
        .range(0, 60, 1, 2)
        .as(Encoders.LONG())
        .map(text, Encoders.STRING())
        .toDF("text")
        .selectExpr("text", "int(regexp_extract(text, '4[0-9]{4}', 0)) as code")
        .createOrReplaceTempView("documents");
  }

  @AfterAll
  static void asBefore() {
    CONF.keySet().forEach(spark.conf()::unset);
    spark.catalog().dropTempView("documents");
  }

  private static Dataset<Row> sql(String query) {
    read.reset();
    return spark.sql(query);
  }

  private static long rowsRead() {
    return read.value();
  }

  static long metric(Dataset<Row> query, String name) {
    query.collectAsList();
    return nodes(query).stream().mapToLong(node -> node.longMetric(name).value()).sum();
  }

  static List<EngineCallsExec> nodes(Dataset<Row> query) {
    List<EngineCallsExec> found = new ArrayList<>();
    collect(query.queryExecution().executedPlan(), found);
    return found;
  }

  private static void collect(SparkPlan plan, List<EngineCallsExec> found) {
    if (plan instanceof AdaptiveSparkPlanExec adaptive) {
      collect(adaptive.executedPlan(), found);
    } else if (plan instanceof QueryStageExec stage) {
      collect(stage.plan(), found);
    } else {
      if (plan instanceof EngineCallsExec calls) {
        found.add(calls);
      }
      Plans.list(plan.children()).forEach(child -> collect(child, found));
    }
  }

  @Test
  void everyRowGetsItsOwnAnswerInItsOwnPlace() {
    List<Row> rows =
        sql("select code, ai_answer(text, " + QUESTION + ") as answer from documents")
            .collectAsList();

    assertThat(rows).hasSize(60);
    assertThat(rows).allSatisfy(row -> assertThat(row.getString(1)).isEqualTo(" " + row.getInt(0)));
    assertThat(rows.stream().map(row -> row.getInt(0) - 40000).toList())
        .containsExactlyElementsOf(IntStream.range(0, 60).boxed().toList());
  }

  /** Each has a prefill of its own, also where the plan joins two of a row into one request. */
  @Test
  void aCallChoosesTokensForItselfWhateverIsBesideIt() {
    String policy = "selective(keep=0.4, layers=2, chunk=4)";
    String call = "ai_answer(text, " + QUESTION + ", cache_policy => '" + policy + "') as answer";
    String beside =
        "ai_answer(text, 'Who spoke of the morning?', cache_policy => '" + policy + "')";
    String from = " from documents where code < 40012";
    List<String> alone = answers("select code, " + call + from);
    assertThat(alone).hasSize(12);
    long before = report(Map.of("cache_policy", List.of(policy))).work().documents();
    assertThat(answers("select code, " + call + ", " + beside + from)).isEqualTo(alone);
    assertThat(report(Map.of("cache_policy", List.of(policy))).work().documents() - before)
        .as("prefills of twelve rows with two calls")
        .isEqualTo(24);
    assertThat(
            answers(
                "select code, "
                    + call
                    + " from (select /*+ REPARTITION(5) */ * from (select *"
                    + from
                    + " order by code desc))"))
        .isEqualTo(alone);
    assertThat(alone).containsAll(answers("select code, " + call + from + " limit 4"));
  }

  private static List<String> answers(String query) {
    return sql(query).collectAsList().stream()
        .map(row -> row.getInt(0) + row.getString(1))
        .sorted()
        .toList();
  }

  @Test
  void manyDocumentsShareAStep() {
    String query = "select ai_answer(text, " + QUESTION + ", max_in_flight => 9) from documents";
    EngineReport before = report();
    sql(query).collectAsList();
    EngineReport after = report();

    long tokens = decoded(after) - decoded(before);
    assertThat(tokens).isGreaterThanOrEqualTo(60);
    assertThat(after.work().documents() - before.work().documents()).isEqualTo(60);
    assertThat((double) tokens / (after.work().steps() - before.work().steps())).isGreaterThan(2);
  }

  private static EngineReport report() {
    return report(Map.of());
  }

  private static EngineReport report(Map<String, List<String>> options) {
    try (ExecutorEngine.Lease lease =
        ExecutorEngine.lease(
            EmbeddedEngine.settings(
                QueryOptions.resolve(Task.QA, options, CONF.entrySet()), spark.sparkContext()),
            "driver")) {
      return lease.engine().report();
    }
  }

  private static long decoded(EngineReport report) {
    return report.policies().stream().mapToLong(policy -> policy.decode().tokens()).sum();
  }

  @Test
  void limitShowAndFirstRunAFewDocuments() {
    String query = "select code, ai_answer(text, " + QUESTION + ") as answer from documents";
    assertThat(sql(query + " limit 2").collectAsList()).hasSize(2);
    assertThat(rowsRead()).as("limit goes below the call").isLessThanOrEqualTo(3);
    sql(query).show(2);
    assertThat(rowsRead()).as("show").isLessThanOrEqualTo(4);
    Dataset<Row> three = sql(query + " where code % 2 = 1 order by code desc limit 3");
    assertThat(metric(three, "answers")).as("filter and sort first").isEqualTo(3);
    assertThat(three.collectAsList().stream().map(row -> row.getString(1)))
        .containsExactly(" 40059", " 40057", " 40055");

    spark.conf().set("spark.sql.optimizer.excludedRules", PushDownBelowEngineCalls.class.getName());
    try {
      assertThat(sql(query).limit(2).collectAsList()).hasSize(2);
      // 3 in flight, and what is read behind a slow first one
      assertThat(rowsRead()).as("lazy without the rule, too").isLessThanOrEqualTo(15);
    } finally {
      spark.conf().unset("spark.sql.optimizer.excludedRules");
    }
  }

  @Test
  void aCallWrittenOnceRunsOnce() {
    String answer = "ai_answer(text, " + QUESTION + ", temperature => 1.0)";
    assertThat(
            metric(
                sql(
                    "select answer, length(answer), upper(answer) from (select "
                        + answer
                        + " as answer from documents where code < 40004) where length(answer) > 0"),
                "answers"))
        .isEqualTo(4);
    assertThat(
            metric(
                sql(
                    "select "
                        + answer
                        + ", concat('<', "
                        + answer
                        + ", '>') from documents limit 4"),
                "answers"))
        .as("equal calls of one select")
        .isEqualTo(4);
    Dataset<Row> unused =
        sql("select count(*) from (select code, " + answer + " as answer from documents)");
    assertThat(unused.collectAsList().get(0).getLong(0)).isEqualTo(60);
    assertThat(nodes(unused)).as("nobody looks at the answers").isEmpty();
  }

  @Test
  void callsOnOneTextShareItsPrefill() {
    Dataset<Row> one = sql("select text from documents limit 5");
    long alone = metric(one.selectExpr("ai_answer(text, " + QUESTION + ") as a"), "computedTokens");
    Dataset<Row> two =
        one.withColumn("a", expr("ai_answer(text, " + QUESTION + ")"))
            .withColumn("b", expr("ai_answer(text, 'What is the vault code of the wild tiger?')"));
    long both = metric(two, "computedTokens");
    assertThat(nodes(two)).hasSize(1);
    assertThat(metric(two, "answers")).isEqualTo(10);
    assertThat(both).isLessThan(alone * 2 - 5 * 16);
  }

  @Test
  void callsStandWhereverColumnsStand() {
    assertThat(
            sql("select code from documents where code < 40010 and ai_answer(text, "
                    + QUESTION
                    + ") = ' 40007'")
                .collectAsList())
        .singleElement()
        .satisfies(row -> assertThat(row.getInt(0)).isEqualTo(40007));
    assertThat(
            sql(
                    "select ai_answer(text, "
                        + QUESTION
                        + ") as a, count(*) as n from"
                        + " (select text from documents where code < 40003 union all"
                        + " select text from documents where code < 40003) group by 1 order by 1")
                .collectAsList()
                .stream()
                .map(row -> row.getString(0) + "x" + row.getLong(1)))
        .containsExactly(" 40000x2", " 40001x2", " 40002x2");
    assertThat(
            sql("select ai_answer(ai_answer(text, "
                    + QUESTION
                    + "), 'q') is null from documents"
                    + " where code < 40002")
                .collectAsList())
        .hasSize(2);
    assertThat(
            sql("select ai_answer('The gate code of the silver otter is 41234. ', "
                    + QUESTION
                    + ")")
                .collectAsList()
                .get(0)
                .getString(0))
        .isEqualTo(" 41234");
  }

  @Test
  void nullInNullOutAndErrorsAreLoud() {
    assertThat(
            sql("select ai_summarize(null), ai_answer('text', string(null)), ai_summarize(string(null))")
                .collectAsList()
                .get(0))
        .satisfies(row -> assertThat(List.of(row.isNullAt(1), row.isNullAt(2))).containsOnly(true));
    Row recorded =
        sql("select ai_answer('  ', 'q', on_error => 'record') as a,"
                + " ai_answer('text', ' ', on_error => 'record') as b,"
                + " ai_answer(repeat('long text ', 2000), 'q', on_error => 'record') as c")
            .collectAsList()
            .get(0);
    assertThat(List.of(0, 1, 2).stream().map(i -> recorded.getStruct(i).getString(1)))
        .containsExactly("EMPTY_DOCUMENT", "EMPTY_QUESTION", "TOO_LONG");
    assertThat(recorded.getStruct(0).isNullAt(0)).isTrue();
    assertThatThrownBy(() -> sql("select ai_answer('  ', 'q')").collectAsList())
        .rootCause()
        .hasMessageContaining("EMPTY_DOCUMENT")
        .hasMessageContaining("on_error => 'record'");
  }

  @Test
  void mistakesAreToldBeforeTheQueryRuns() {
    assertThatThrownBy(() -> sql("select ai_answer(text, 'q', kv_bugdet => 5) from documents"))
        .hasMessageContaining("kv_bugdet")
        .hasMessageContaining("did you mean kv_budget");
    assertThatThrownBy(() -> sql("select ai_answer(text, 'q', max_tokens => code) from documents"))
        .hasMessageContaining("max_tokens of ai_answer is not a constant");
    assertThatThrownBy(() -> sql("select ai_answer(text) from documents"))
        .hasMessageContaining("ai_answer takes (text, question)");
    assertThatThrownBy(
            () -> sql("select ai_summarize(text, kv_budget => 'full,64') from documents"))
        .hasMessageContaining("name 2 policies");
    assertThatThrownBy(
            () ->
                sql(
                    "select ai_summarize(text, policies => array('dense', 'quest(budget=64)')) from"
                        + " documents"))
        .hasMessageContaining("name 2 policies");
    assertThatThrownBy(
            () ->
                sql(
                    "select ai_summarize(text, policies => 'dense', kv_budget => 64) from"
                        + " documents"))
        .hasMessageContaining("policies says in full what kv_budgets says in parts");
    assertThatThrownBy(() -> sql("select ai_summarize(code) from documents"))
        .hasMessageContaining("ai_summarize takes strings");
    assertThatThrownBy(() -> sql("select ai_summarize(text, output => '/x') from documents"))
        .hasMessageContaining("output has no meaning inside a query");
    assertThat(sql("describe function ai_answer").collectAsList().toString())
        .contains("ai_answer(text, question[, option => value, ...])");
  }

  /**
   * As Spark's own settings do: what was set when they were made holds, the session's present ones
   * for the rest.
   */
  @Test
  void theSessionsOptionsHoldInViewsCachedTablesAndFunctions() {
    String call = "ai_answer(text, " + QUESTION + ")";
    String from = " from documents limit 1";
    String direct = "select " + call + " as a" + from;
    spark.conf().set("spark.questspark.max_tokens", "1");
    try {
      String expected = sql(direct).head().getString(0);
      sql("create or replace temporary view asked as " + direct);
      sql("create or replace temporary view nested as select a from asked");
      sql("cache table kept as " + direct);
      sql(
          "create or replace temporary function ask(t string) returns string return ai_answer(t, "
              + QUESTION
              + ")");
      assertThat(sql("select a from asked").head().getString(0)).isEqualTo(expected);
      assertThat(sql("select a from nested").head().getString(0)).isEqualTo(expected);
      assertThat(sql("select a from kept").head().getString(0)).isEqualTo(expected);
      assertThat(sql("select ask(text)" + from).head().getString(0)).isEqualTo(expected);
      spark.conf().set("spark.questspark.max_tokens", "8");
      assertThat(sql(direct).head().getString(0)).isNotEqualTo(expected);
      assertThat(sql("select a from asked").head().getString(0)).isEqualTo(expected);
      assertThat(sql("select a from nested").head().getString(0)).isEqualTo(expected);
      assertThat(sql("select ask(text)" + from).head().getString(0)).isEqualTo(expected);
      Dataset<Row> kept = sql("select a from kept");
      assertThat(kept.head().getString(0)).isEqualTo(expected);
      assertThat(kept.queryExecution().executedPlan().toString())
          .as("not computed again")
          .contains("InMemoryRelation");
      spark.conf().set("spark.questspark.seed", "3");
      assertThat(sql("select a from asked").head().getString(0))
          .as("with an option that was not set when the view was made")
          .isEqualTo(expected);
    } finally {
      spark.conf().set("spark.questspark.max_tokens", CONF.get("spark.questspark.max_tokens"));
      spark.conf().unset("spark.questspark.seed");
      sql("drop view if exists nested");
      sql("drop view if exists asked");
      sql("uncache table if exists kept");
      sql("drop temporary function if exists ask");
    }
  }

  /** What a metastore keeps of them is their text and their options. */
  @Test
  void aPersistentViewAndFunctionAnswerInAnotherSession() {
    String call = "ai_answer(text, " + QUESTION + ")";
    String from = " from values ('The gate code of the silver otter is 41234. ') as t(text)";
    spark.conf().set("spark.questspark.max_tokens", "1");
    SparkSession other = spark.newSession();
    try {
      String expected = sql("select " + call + from).head().getString(0);
      sql("create view asked_for_good as select " + call + " as a" + from);
      sql(
          "create view with_own as select "
              + call.replace(")", ", max_tokens => 8)")
              + " as a"
              + from);
      sql(
          "create function ask_for_good(t string) returns string return ai_answer(t, "
              + QUESTION
              + ")");
      other.conf().set("spark.questspark.max_tokens", "8");
      Dataset<Row> view = other.sql("select a from asked_for_good");
      assertThat(nodes(view)).as("one batched operator").hasSize(1);
      assertThat(view.head().getString(0)).isEqualTo(expected).isNotEqualTo(" 41234");
      assertThat(other.sql("select a from with_own").head().getString(0)).isEqualTo(" 41234");
      assertThat(other.sql("select ask_for_good(text)" + from).head().getString(0))
          .isEqualTo(expected);
    } finally {
      spark.conf().set("spark.questspark.max_tokens", CONF.get("spark.questspark.max_tokens"));
      sql("drop view if exists asked_for_good");
      sql("drop view if exists with_own");
      sql("drop function if exists ask_for_good");
    }
  }

  @Test
  void aCallOnTheElementsOfAnArrayIsRefusedBeforeItRuns() {
    for (String query :
        List.of(
            "select transform(array('a', 'b'), x -> ai_answer(text, x)) from documents",
            "select filter(array('a'), x -> length(ai_answer(text, upper(x))) > 1) from documents")) {
      assertThatThrownBy(() -> sql(query))
          .hasMessageContaining("higher-order function")
          .hasMessageContaining("explode the array");
    }
  }
}
