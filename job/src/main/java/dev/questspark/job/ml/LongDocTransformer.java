package dev.questspark.job.ml;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.keys.OptionKey;
import dev.questspark.job.options.resolve.QueryOptions;
import dev.questspark.job.sql.AnswerColumn;
import dev.questspark.job.sql.call.EngineFunction;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.ml.Transformer;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.param.StringArrayParam;
import org.apache.spark.ml.util.DefaultParamsReadable;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Adds a column of summaries, or of answers to a question, to a column of long texts: {@code
 * ai_summarize} and {@code ai_answer} as a stage of a Spark ML pipeline.
 *
 * <p>Besides the parameters below every option of a query is a parameter, by its name in lower
 * camel case ({@code maxTokens}, {@code kvBudgets}); {@code spark.questspark.*} of the session
 * gives the others.
 */
public final class LongDocTransformer extends Transformer implements DefaultParamsWritable {
  private static final long serialVersionUID = 1L;
  private static final Pattern WORD_START = Pattern.compile("_([a-z])");

  private final String uid;
  private final Param<String> inputCol;
  private final Param<String> outputCol;
  private final Param<String> questionCol;
  private final Param<String> question;
  private final Param<String> task;
  private final Param<String> onError;

  /** By name of the option. */
  private final Map<String, Param<?>> options = new LinkedHashMap<>();

  public LongDocTransformer() {
    this(Identifiable$.MODULE$.randomUID(LongDocTransformer.class.getSimpleName()));
  }

  /** Also how Spark ML loads and copies a stage. */
  public LongDocTransformer(String uid) {
    this.uid = uid;
    inputCol = new Param<>(this, "inputCol", "column of the documents' texts");
    outputCol = new Param<>(this, "outputCol", "column that receives the answers");
    questionCol = new Param<>(this, "questionCol", "column of the questions, for task answer");
    question = new Param<>(this, "question", "one question for all documents, for task answer");
    task = new Param<>(this, "task", "summarize or answer");
    onError =
        new Param<>(
            this,
            "onError",
            "fail, null, or record for a struct of text, error_code and error_message as the answer");
    for (OptionKey<?> key : QueryOptions.all()) {
      options.put(
          key.name(),
          key.repeated()
              ? new StringArrayParam(this, camelCase(key), key.description())
              : new Param<String>(this, camelCase(key), key.description()));
    }
    setDefault(outputCol, uid + "__output");
    setDefault(task, EngineFunction.ANSWER.word());
    setDefault(onError, "fail");
  }

  private static String camelCase(OptionKey<?> key) {
    return WORD_START
        .matcher(key.name())
        .replaceAll(start -> start.group(1).toUpperCase(Locale.ROOT));
  }

  @Override
  public String uid() {
    return uid;
  }

  @Override
  public Param<?>[] params() {
    return Stream.concat(
            Stream.of(inputCol, outputCol, questionCol, question, task, onError),
            options.values().stream())
        .toArray(Param<?>[]::new);
  }

  /** Column of the texts. */
  public LongDocTransformer setInputCol(String name) {
    set(inputCol, name);
    return this;
  }

  /** Column that receives the answers; must be new. */
  public LongDocTransformer setOutputCol(String name) {
    set(outputCol, name);
    return this;
  }

  /** Column of the questions, for task answer. */
  public LongDocTransformer setQuestionCol(String name) {
    set(questionCol, name);
    return this;
  }

  /** One question for all documents, for task answer. */
  public LongDocTransformer setQuestion(String text) {
    set(question, text);
    return this;
  }

  /** {@code summarize} or {@code answer}. */
  public LongDocTransformer setTask(String name) {
    set(task, name);
    return this;
  }

  /** {@code fail}, {@code null} or {@code record}. */
  public LongDocTransformer setOnError(String word) {
    set(onError, word);
    return this;
  }

  /** Hugging Face model folder. */
  public LongDocTransformer setModel(String folder) {
    return setOption("model", folder);
  }

  /**
   * Sets an option by its name or alias, snake_case or camelCase: {@code setOption("kv_budget",
   * 2048)}.
   *
   * @throws ConfigException when a query takes no such option
   */
  public LongDocTransformer setOption(String name, Object... values) {
    OptionKey<?> key = QueryOptions.find(name);
    String[] texts = Arrays.stream(values).map(String::valueOf).toArray(String[]::new);
    set(options.get(key.name()).name(), key.repeated() ? texts : String.join(",", texts));
    return this;
  }

  /**
   * @throws ConfigException when a column or an option is not as it must be
   */
  @Override
  public StructType transformSchema(StructType schema) {
    return transformSchema(schema, SQLConf.get());
  }

  private StructType transformSchema(StructType schema, SQLConf session) {
    arguments().forEach(name -> checkText(schema, name));
    String output = getOrDefault(outputCol);
    if (Arrays.stream(schema.fieldNames()).anyMatch(output::equalsIgnoreCase)) {
      throw new ConfigException(
          uid + ": there is a column '" + output + "' already; give outputCol another name.");
    }
    return schema.add(output, answers(session).type(), true);
  }

  @Override
  public Dataset<Row> transform(Dataset<?> dataset) {
    SQLConf session = dataset.sparkSession().sessionState().conf();
    transformSchema(dataset.schema(), session);
    List<Column> arguments = new ArrayList<>();
    arguments().forEach(name -> arguments.add(dataset.col("`" + name + "`")));
    if (isSet(question)) {
      arguments.add(functions.lit(getOrDefault(question)));
    }
    return answers(session)
        .addTo(dataset.toDF(), getOrDefault(outputCol), arguments.toArray(Column[]::new));
  }

  private AnswerColumn answers(SQLConf session) {
    Map<String, List<String>> given = new LinkedHashMap<>();
    options.forEach(
        (name, param) -> {
          if (isSet(param)) {
            Object value = getOrDefault(param);
            given.put(
                name,
                value instanceof String[] texts ? List.of(texts) : List.of(String.valueOf(value)));
          }
        });
    given.put("on_error", List.of(getOrDefault(onError)));
    return AnswerColumn.of(function(), given, session);
  }

  private EngineFunction function() {
    return EngineFunction.ofTask(getOrDefault(task));
  }

  /** The columns that are read, in the order of the function's arguments. */
  private List<String> arguments() {
    if (!isSet(inputCol)) {
      throw new ConfigException(uid + ": inputCol is not set; name the column of the texts.");
    }
    boolean asks = function() == EngineFunction.ANSWER;
    if (asks && isSet(question) == isSet(questionCol)) {
      throw new ConfigException(
          uid + ": task answer needs a question; set questionCol or question, one of the two.");
    }
    if (!asks && (isSet(question) || isSet(questionCol))) {
      throw new ConfigException(
          uid + ": task summarize takes no question; set task to answer, or clear the question.");
    }
    return isSet(questionCol)
        ? List.of(getOrDefault(inputCol), getOrDefault(questionCol))
        : List.of(getOrDefault(inputCol));
  }

  private void checkText(StructType schema, String name) {
    List<String> names = List.of(schema.fieldNames());
    if (!names.contains(name)) {
      throw new ConfigException(
          uid + ": there is no column '" + name + "'; there are " + String.join(", ", names) + ".");
    }
    if (!schema.apply(name).dataType().equals(DataTypes.StringType)) {
      throw new ConfigException(
          uid
              + ": column '"
              + name
              + "' is of type "
              + schema.apply(name).dataType().simpleString()
              + "; it must be a string.");
    }
  }

  @Override
  public LongDocTransformer copy(ParamMap extra) {
    return defaultCopy(extra);
  }

  /** Spark ML finds it by name when it loads a pipeline. */
  public static MLReader<LongDocTransformer> read() {
    return new Saved().read();
  }

  /** What {@code write().save(path)} left. */
  public static LongDocTransformer load(String path) {
    return read().load(path);
  }

  private static final class Saved implements DefaultParamsReadable<LongDocTransformer> {}
}
