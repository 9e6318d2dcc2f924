package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.apache.spark.sql.functions.col;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.ml.LongDocTransformer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.feature.SQLTransformer;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.LongAccumulator;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The job, SQL and the Spark ML stage are three doors to one engine: one text for one document. */
@Tag("spark")
class SameTextTest {
  private static final String QUESTION = "What is the gate code of the silver otter?";

  /** Options of all three, as SQL names them. */
  private static final Map<String, String> OPTIONS =
      Map.of(
          "model", JobHarness.MODEL.toString(),
          "kv_cache_memory_bytes", "64m",
          "max_model_len", "1024",
          "max_tokens", "12",
          "policies", "skip_layers(layers=1, quest(budget=64))",
          "ignore_eos", "true");

  private static final String DEMO_TEMPLATE =
      Path.of("..", "conf", "prompts", "demo.txt").toAbsolutePath().normalize().toString();

  @TempDir Path folder;

  private static LongDocTransformer transformer(Map<String, String> options) {
    LongDocTransformer stage = new LongDocTransformer().setInputCol("text").setOutputCol("found");
    options.forEach(stage::setOption);
    return stage;
  }

  private static String[] flags(Map<String, String> options, String... more) {
    List<String> flags = new ArrayList<>();
    options.forEach((name, value) -> flags.add("--" + name.replace('_', '-') + "=" + value));
    flags.addAll(List.of(more));
    return flags.toArray(String[]::new);
  }

  private static String named(Map<String, String> options) {
    return options.entrySet().stream()
        .map(option -> ", " + option.getKey() + " => '" + option.getValue() + "'")
        .collect(Collectors.joining());
  }

  private static Map<String, String> with(String name, String value) {
    Map<String, String> options = new LinkedHashMap<>(OPTIONS);
    options.put(name, value);
    return options;
  }

  private static List<String> texts(Dataset<Row> rows) {
    return rows.select("id", "found").collectAsList().stream()
        .map(row -> row.getString(0) + "|" + row.getString(1))
        .sorted()
        .toList();
  }

  private List<String> ofJob(Path input, Map<String, String> options, String... more) {
    Path output = folder.resolve("job-" + options.hashCode());
    List<String> flags = new ArrayList<>(List.of("--input=" + input, "--output=" + output));
    flags.addAll(List.of(flags(options, more)));
    JobHarness.Ended ended = JobHarness.runWith(flags.toArray(String[]::new));
    assertThat(ended.code()).as(ended.err() + ended.out()).isZero();
    return query(
        "select doc_id, output_text from " + table(output, "answers") + " order by doc_id");
  }

  /** In a session that comes after the job's own, which ends with the job. */
  private static Dataset<Row> corpus(Path input) {
    Dataset<Row> documents = TestSpark.session().read().json(input.toString());
    documents.createOrReplaceTempView("corpus");
    return documents;
  }

  private static PipelineModel savedAndLoaded(
      Path at, Dataset<Row> documents, PipelineStage... stages) throws IOException {
    PipelineModel fitted = new Pipeline().setStages(stages).fit(documents);
    fitted.write().overwrite().save(at.toString());
    return PipelineModel.load(at.toString());
  }

  @Test
  void answersAreOneText() throws IOException {
    Path input = JobHarness.corpus(folder, 6);
    Map<String, String> options = with("prompt_template", DEMO_TEMPLATE);
    List<String> job = ofJob(input, options, "--question=" + QUESTION);
    Dataset<Row> documents = corpus(input);

    List<String> sql =
        texts(
            TestSpark.session()
                .sql(
                    "select id, ai_answer(text, '"
                        + QUESTION
                        + "'"
                        + named(options)
                        + ") as found from corpus"));
    LongDocTransformer stage = transformer(options).setQuestion(QUESTION);
    PipelineModel pipeline =
        savedAndLoaded(
            folder.resolve("pipeline"),
            documents,
            new SQLTransformer().setStatement("select id, text from __THIS__"),
            stage);

    assertThat(job).hasSize(6).allSatisfy(line -> assertThat(line.length()).isGreaterThan(12));
    assertThat(sql).isEqualTo(job);
    assertThat(texts(pipeline.transform(documents))).isEqualTo(job);
    assertThat(texts(stage.transform(documents))).isEqualTo(job);
    assertThat(pipeline.stages()[1].uid()).isEqualTo(stage.uid());
    assertThat(explained((LongDocTransformer) pipeline.stages()[1]))
        .isEqualTo(explained(stage))
        .contains("maxTokens", "current: 12", "kvBudgets");

    Dataset<Row> asked = documents.selectExpr("id", "text", "question[0] as asked");
    ParamMap column = new ParamMap().put(stage.getParam("questionCol"), "asked");
    LongDocTransformer byColumn = stage.copy(column);
    byColumn.clear(byColumn.getParam("question"));
    assertThat(texts(byColumn.transform(asked))).isEqualTo(job);
  }

  @Test
  void summariesAreOneText() throws IOException {
    Path input = JobHarness.corpus(folder, 4);
    List<String> job = ofJob(input, OPTIONS, "--task=summarize");
    Dataset<Row> documents = corpus(input);
    LongDocTransformer stage = transformer(OPTIONS).setTask("summarize");
    PipelineModel pipeline = savedAndLoaded(folder.resolve("pipeline"), documents, stage);

    assertThat(job).hasSize(4);
    assertThat(
            texts(
                TestSpark.session()
                    .sql(
                        "select id, ai_summarize(text"
                            + named(OPTIONS)
                            + ") as found from corpus")))
        .isEqualTo(job);
    assertThat(texts(pipeline.transform(documents))).isEqualTo(job);
  }

  @Test
  void aSessionThatKnowsNothingOfUsGivesTheSameText() throws Exception {
    Path input = JobHarness.corpus(folder, 3);
    Dataset<Row> documents = corpus(input);
    LongDocTransformer stage =
        transformer(with("prompt_template", DEMO_TEMPLATE)).setQuestion(QUESTION);
    savedAndLoaded(folder.resolve("pipeline"), documents, stage);
    List<String> here =
        texts(stage.transform(documents)).stream().map(PlainSession::oneLine).toList();

    Path output = folder.resolve("answered");
    Process plain =
        PlainSession.start(
            folder,
            Map.of(),
            input.toString(),
            folder.resolve("pipeline").toString(),
            output.toString(),
            JobHarness.MODEL.toString(),
            JobHarness.TEMPLATE.toString());
    String out = new String(plain.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(plain.waitFor()).as(out).isZero();
    assertThat(out.lines().filter(line -> line.startsWith("doc-")).sorted())
        .containsExactlyElementsOf(here);
    assertThat(out).contains("rows read for limit 1: ").contains("answers for a count: 0");
    assertThat(Integer.parseInt(out.replaceAll("(?s).*for limit 1: (\\d+).*", "$1")))
        .isBetween(1, 3);
    assertThat(out.lines())
        .as("the job in that session, which goes on as it was")
        .contains(
            "job: 0 true",
            "job on rows: 0",
            "registered:  41234",
            "in a session beside it:  41234",
            "released: true",
            "group: null",
            "zone: Asia/Kolkata",
            "session: 3")
        .anyMatch(line -> line.startsWith("refused: Unknown option 'max_tokenz'"))
        .anyMatch(line -> line.startsWith("refused: ") && line.contains("none"));
    assertThat(out).as("no document in the log").doesNotContain("nobody spoke on deck");
    for (Path answers : List.of(output, Path.of(output + "-rows"))) {
      assertThat(JobHarness.query("select count(*) from " + JobHarness.table(answers, "answers")))
          .containsExactly("6");
    }
  }

  @Test
  void limitAndShowStopEarlyAndFiltersOnOtherColumnsComeFirst() {
    SparkSession spark = TestSpark.session();
    LongAccumulator read = spark.sparkContext().longAccumulator("rows read");
    MapFunction<Long, String> text =
        number -> {
          read.add(1);
          return "The gate code of the silver otter is 4%04d.".formatted(number);
        };
    Dataset<Row> documents =
        spark.range(0, 200, 1, 2).as(Encoders.LONG()).map(text, Encoders.STRING()).toDF("text");
    Dataset<Row> answered =
        transformer(with("max_in_flight", "3")).setQuestion(QUESTION).transform(documents);

    assertThat(answered.limit(2).collectAsList()).hasSize(2);
    assertThat(read.value()).as("limit").isBetween(2L, 3L);
    read.reset();
    answered.show(2);
    assertThat(read.value()).as("show").isBetween(2L, 4L);
    read.reset();
    assertThat(answered.count()).isEqualTo(200);
    String plan = answered.where(col("text").contains("40007")).queryExecution().toString();
    String physical = plan.substring(plan.indexOf("== Physical Plan"));
    assertThat(physical.indexOf("EngineCalls")).isPositive().isLessThan(physical.indexOf("Filter"));
  }

  @Test
  void rowsThatCannotBeAnsweredAreErrorsAsInSql() {
    Dataset<Row> bad =
        TestSpark.session().sql("select 'a' as id, '  ' as text union all select 'b', null");
    LongDocTransformer stage = transformer(OPTIONS).setQuestion(QUESTION);
    assertThatThrownBy(() -> stage.transform(bad).collectAsList())
        .rootCause()
        .hasMessageContaining("EMPTY_DOCUMENT");
    List<Row> recorded =
        stage.setOnError("record").transform(bad).select("id", "found").collectAsList();
    assertThat(recorded.get(0).getStruct(1).getString(1)).isEqualTo("EMPTY_DOCUMENT");
    assertThat(recorded.get(1).isNullAt(1)).isTrue();
    assertThat(stage.transformSchema(bad.schema())).isEqualTo(stage.transform(bad).schema());
  }

  @Test
  void mistakesAreToldWhenThePipelineIsBuilt() {
    StructType schema =
        new StructType().add("text", DataTypes.StringType).add("n", DataTypes.LongType);
    LongDocTransformer good = transformer(OPTIONS).setQuestion(QUESTION);
    assertThat(good.transformSchema(schema).fieldNames()).containsExactly("text", "n", "found");
    refused(new LongDocTransformer(), schema, "inputCol is not set");
    refused(transformer(OPTIONS), schema, "needs a question");
    refused(transformer(OPTIONS).setQuestion("q").setQuestionCol("n"), schema, "one of the two");
    refused(good.copy(ParamMap.empty()).setInputCol("body"), schema, "there are text, n");
    refused(good.copy(ParamMap.empty()).setInputCol("n"), schema, "'n' is of type bigint");
    refused(good.copy(ParamMap.empty()).setOutputCol("TEXT"), schema, "'TEXT' already");
    refused(good.copy(ParamMap.empty()).setTask("translate"), schema, "one of summarize, answer");
    refused(good.copy(ParamMap.empty()).setTask("summarize"), schema, "takes no question");
    refused(good.copy(ParamMap.empty()).setOnError("ignore"), schema, "one of fail, record");
    refused(
        good.copy(ParamMap.empty()).setOption("policies", "dense", "quest(budget=64)"),
        schema,
        "2 policies");
    refused(good.copy(ParamMap.empty()).setOption("maxTokens", 0), schema, "at least 1");
    assertThatThrownBy(() -> good.setOption("kv_bugdet", 1))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("did you mean kv_budget");
    assertThatThrownBy(() -> good.setOption("output", "/x"))
        .hasMessageContaining("no meaning inside a query");
  }

  /** Its parameters as text; Spark shows of an array nothing but its identity. */
  private static String explained(LongDocTransformer stage) {
    return stage.explainParams().replaceAll("\\[Ljava\\.lang\\.String;@[0-9a-f]+", "an array");
  }

  private static void refused(LongDocTransformer stage, StructType schema, String fragment) {
    assertThatThrownBy(() -> stage.transformSchema(schema))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(fragment);
  }
}
