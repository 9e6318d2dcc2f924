package dev.questspark.job.sql;

import dev.questspark.job.sql.call.EngineFunction;
import dev.questspark.job.sql.call.ReleaseEngines;
import dev.questspark.job.sql.call.SessionSettings;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.analysis.FunctionRegistry;

/** The functions for a session that was built without {@link QuestSparkExtensions}. */
public final class SessionFunctions {
  private SessionFunctions() {}

  /** Makes the session know the functions; again, it changes nothing. */
  public static void register(SparkSession spark) {
    SessionSettings.register();
    AnswerColumn.understandCalls(spark);
    FunctionRegistry known = spark.sessionState().functionRegistry();
    for (EngineFunction function : EngineFunction.values()) {
      known.registerFunction(
          new FunctionIdentifier(function.sqlName()), function.info(), function::call);
    }
    known.registerFunction(
        new FunctionIdentifier(ReleaseEngines.NAME), ReleaseEngines.info(), ReleaseEngines::of);
  }
}
