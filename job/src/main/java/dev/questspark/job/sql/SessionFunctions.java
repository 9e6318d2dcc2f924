package dev.questspark.job.sql;

import dev.questspark.job.sql.call.EngineFunction;
import dev.questspark.job.sql.call.Plans;
import dev.questspark.job.sql.call.ReleaseEngines;
import dev.questspark.job.sql.call.SessionSettings;
import java.util.function.Function;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.analysis.FunctionRegistry;
import org.apache.spark.sql.catalyst.analysis.FunctionRegistry$;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.ExpressionInfo;
import scala.Function1;
import scala.Option;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.FunctionConverters;

/**
 * How Spark learns the functions: as its own built-in ones, which persistent views and persistent
 * SQL functions may call; what an extension injects counts as temporary, and they may not.
 */
public final class SessionFunctions {
  /** One that every Spark has. */
  private static final String ANY_FUNCTION = "abs";

  private static boolean builtIn;

  private SessionFunctions() {}

  /** For every session that is built later in this JVM; again, it changes nothing. */
  static synchronized void registerBuiltIn() {
    if (!builtIn) {
      builtIn = true;
      SessionSettings.register();
      register(FunctionRegistry$.MODULE$.builtin());
    }
  }

  /** Makes a session that exists know the functions; again, it changes nothing. */
  public static void register(SparkSession spark) {
    registerBuiltIn();
    AnswerColumn.understandCalls(spark);
    FunctionRegistry known = spark.sessionState().functionRegistry();
    if (!known.functionExists(identifier(known, ReleaseEngines.NAME))) {
      register(known);
    }
  }

  /**
   * A name of one part, or from Spark 4.2 on of three: as the registry has those of Spark's own.
   */
  private static FunctionIdentifier identifier(FunctionRegistry registry, String name) {
    FunctionIdentifier known =
        Plans.list(registry.listFunction()).stream()
            .filter(function -> function.funcName().equals(ANY_FUNCTION))
            .findFirst()
            .orElseThrow();
    return new FunctionIdentifier(name, known.database(), known.catalog());
  }

  private static void register(FunctionRegistry registry) {
    for (EngineFunction function : EngineFunction.values()) {
      register(
          registry,
          function.sqlName(),
          function.info(),
          arguments -> {
            understood();
            return function.call(arguments);
          });
    }
    register(registry, ReleaseEngines.NAME, ReleaseEngines.info(), ReleaseEngines::of);
  }

  private static void register(
      FunctionRegistry registry,
      String name,
      ExpressionInfo info,
      Function<Seq<Expression>, Expression> meaning) {
    Function1<Seq<Expression>, Expression> builder =
        FunctionConverters.asScalaFromFunction(meaning);
    registry.registerFunction(identifier(registry, name), info, builder);
  }

  /** Spark gives its built-in functions to sessions without our extension, too. */
  private static void understood() {
    Option<SparkSession> analysing = SparkSession.getActiveSession();
    if (analysing.isDefined()) {
      AnswerColumn.understandCalls(analysing.get());
    }
  }
}
