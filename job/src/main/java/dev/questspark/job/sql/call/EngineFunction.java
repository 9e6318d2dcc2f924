package dev.questspark.job.sql.call;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.Task;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.ExpressionInfo;
import org.apache.spark.sql.catalyst.expressions.NamedArgumentExpression;
import org.apache.spark.sql.types.MapType;
import scala.Option;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** The SQL functions: what each is called and asks. */
public enum EngineFunction {
  /** {@code ai_summarize(text, ...)}. */
  SUMMARIZE("ai_summarize", Task.SUMMARIZE, List.of("text")),
  /** {@code ai_answer(text, question, ...)}. */
  ANSWER("ai_answer", Task.QA, List.of("text", "question"));

  private final String sqlName;
  private final Task task;
  private final List<String> arguments;

  EngineFunction(String sqlName, Task task, List<String> arguments) {
    this.sqlName = sqlName;
    this.task = task;
    this.arguments = arguments;
  }

  public String sqlName() {
    return sqlName;
  }

  /**
   * The function of a task.
   *
   * @param word {@code summarize} or {@code answer}
   * @throws ConfigException on another word
   */
  public static EngineFunction ofTask(String word) {
    for (EngineFunction function : values()) {
      if (function.word().equals(word)) {
        return function;
      }
    }
    throw new ConfigException("task is '" + word + "'; it must be one of summarize, answer.");
  }

  /** What is asked of a text, in one word. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  Task task() {
    return task;
  }

  /** Names of the arguments that are no options, in order. */
  List<String> arguments() {
    return arguments;
  }

  /** What {@code DESCRIBE FUNCTION} shows. */
  public ExpressionInfo info() {
    String usage =
        sqlName
            + "("
            + String.join(", ", arguments)
            + "[, option => value, ...]) - "
            + (this == SUMMARIZE
                ? "Summarizes a long text."
                : "Answers a question about a text, or an array of questions with an array.")
            + " Options (model, kv_budget, max_tokens, ...) are given by name or as a literal map at"
            + " the end, and on_error => 'null' or 'record' (a struct of text, error_code and"
            + " error_message) keeps rows that cannot be answered. Null for a null argument.";
    return new ExpressionInfo(
        EngineCall.class.getName(), null, sqlName, usage, "", "", "", "", "", "", "scala_udf");
  }

  /**
   * The call that a query's text means.
   *
   * @throws ConfigException when arguments or options are not as they must be
   */
  public Expression call(Seq<Expression> given) {
    List<Expression> values = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    for (Expression argument : CollectionConverters.asJava(given)) {
      if (argument instanceof NamedArgumentExpression option) {
        if (named.put(option.key(), option.value()) != null) {
          throw new ConfigException(sqlName + " has " + option.key() + " twice; keep one.");
        }
      } else {
        values.add(argument);
      }
    }
    Expression last = values.isEmpty() ? null : values.get(values.size() - 1);
    if (last != null && last.resolved() && last.dataType() instanceof MapType) {
      values.remove(last);
      for (Map.Entry<String, Expression> option : CallOptions.ofMap(this, last).entrySet()) {
        if (named.put(option.getKey(), option.getValue()) != null) {
          throw new ConfigException(sqlName + " has " + option.getKey() + " twice; keep one.");
        }
      }
    }
    for (String name :
        arguments.subList(Math.min(values.size(), arguments.size()), arguments.size())) {
      Expression value = named.remove(name);
      if (value != null) {
        values.add(value);
      }
    }
    if (values.size() != arguments.size()) {
      throw new ConfigException(
          sqlName
              + " takes ("
              + String.join(", ", arguments)
              + "), then options by name, such as max_tokens => 64, or in a map; it got "
              + values.size()
              + " without a name.");
    }
    return new EngineCall(
        this,
        CollectionConverters.asScala(values).toSeq(),
        Option.empty(),
        CallOptions.of(this, named));
  }
}
