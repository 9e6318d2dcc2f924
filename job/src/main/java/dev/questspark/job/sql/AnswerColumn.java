package dev.questspark.job.sql;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.sql.call.CallOptions;
import dev.questspark.job.sql.call.EngineCall;
import dev.questspark.job.sql.call.EngineFunction;
import dev.questspark.job.sql.call.Plans;
import dev.questspark.job.sql.call.SessionSettings;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.ExperimentalMethods;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.analysis.FunctionRegistry;
import org.apache.spark.sql.catalyst.optimizer.PushDownPredicates$;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.execution.SparkStrategy;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.DataType;
import scala.Option;

/**
 * One call of an {@link EngineFunction} as a column, for code that writes no SQL. Works in any
 * session, with {@link QuestSparkExtensions} or without.
 */
public final class AnswerColumn {
  private final EngineFunction function;
  private final CallOptions options;

  private AnswerColumn(EngineFunction function, CallOptions options) {
    this.function = function;
    this.options = options;
  }

  /**
   * Resolves and checks the options.
   *
   * @param given option name, snake_case or camelCase, to texts; comes before the session's conf
   * @throws ConfigException on an unknown option or a value that is not allowed
   */
  public static AnswerColumn of(
      EngineFunction function, Map<String, List<String>> given, SQLConf session) {
    return new AnswerColumn(
        function, CallOptions.of(function, given, SessionSettings.all(session)));
  }

  /** A string, or with {@code on_error} record a struct of text, error_code and error_message. */
  public DataType type() {
    return options.type();
  }

  /**
   * The rows, each with its answer at the end; nothing runs yet.
   *
   * @param arguments of the function, in order
   */
  public Dataset<Row> addTo(Dataset<Row> rows, String name, Column... arguments) {
    SparkSession spark = rows.sparkSession();
    understandCalls(spark);
    // Columns hold no expression of ours in any Spark's public interface, but the name of a
    // function that stands for it until the new Dataset has been analysed.
    FunctionRegistry known = spark.sessionState().functionRegistry();
    String call = function.sqlName() + "_" + UUID.randomUUID().toString().replace('-', '_');
    known.createOrReplaceTempFunction(
        call, values -> new EngineCall(function, values, Option.empty(), options), "scala_udf");
    try {
      return rows.withColumn(name, functions.call_function(call, arguments));
    } finally {
      spark.sessionState().catalog().dropTempFunction(call, true);
    }
  }

  /** What {@link QuestSparkExtensions} does when a session is built, for one that has been. */
  static void understandCalls(SparkSession spark) {
    ExperimentalMethods planning = spark.experimental();
    synchronized (planning) {
      if (Plans.list(spark.sessionState().planner().strategies()).stream()
          .anyMatch(EngineCallsStrategy.class::isInstance)) {
        return;
      }
      List<SparkStrategy> strategies = new ArrayList<>(Plans.list(planning.extraStrategies()));
      strategies.add(new EngineCallsStrategy());
      List<Rule<LogicalPlan>> rules = new ArrayList<>(Plans.list(planning.extraOptimizations()));
      rules.add(new ExtractCalls());
      rules.add(PushDownPredicates$.MODULE$);
      rules.add(new PushDownBelowEngineCalls());
      planning.extraOptimizations_$eq(Plans.seq(rules));
      planning.extraStrategies_$eq(Plans.seq(strategies));
    }
  }
}
