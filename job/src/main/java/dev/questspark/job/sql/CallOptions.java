package dev.questspark.job.sql;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.resolve.QueryOptions;
import java.io.Serial;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;

/** The options of one call: its named arguments over the session's conf. */
final class CallOptions implements Serializable {
  @Serial private static final long serialVersionUID = 1L;
  private static final String ON_ERROR = "on_error";

  /** Of a call that records errors; exactly one of text and error_code is null. */
  private static final StructType TEXT_OR_ERROR =
      new StructType()
          .add("text", DataTypes.StringType)
          .add("error_code", DataTypes.StringType)
          .add("error_message", DataTypes.StringType);

  private final InferenceOptions options;
  private final boolean recordsErrors;

  private CallOptions(InferenceOptions options, boolean recordsErrors) {
    this.options = options;
    this.recordsErrors = recordsErrors;
  }

  /**
   * Resolves and checks what can be checked before the query runs.
   *
   * @throws ConfigException on an unknown option, a value that is not constant or not allowed
   */
  static CallOptions of(EngineFunction function, Map<String, Expression> named) {
    Map<String, List<String>> texts = new LinkedHashMap<>();
    named.forEach((name, value) -> texts.put(name, texts(function, name, value)));
    return of(function, texts, session());
  }

  /**
   * The session's own conf. While Spark resolves a view, a cached table or an SQL function, {@code
   * SQLConf.get()} is the one that was captured with it, which has Spark's settings and none of
   * ours.
   */
  private static SQLConf session() {
    Option<SparkSession> active = SparkSession.getActiveSession();
    return active.isDefined() ? active.get().sessionState().conf() : SQLConf.get();
  }

  /**
   * @param given option name to texts; comes before the session's conf
   */
  static CallOptions of(EngineFunction function, Map<String, List<String>> given, SQLConf session) {
    Map<String, List<String>> texts = new LinkedHashMap<>(given);
    List<String> onError = texts.remove(ON_ERROR);
    InferenceOptions options =
        QueryOptions.resolve(
            function.task(), texts, CollectionConverters.asJava(session.getAllConfs()).entrySet());
    EmbeddedEngine.check(options);
    return new CallOptions(options, onError != null && recordsErrors(onError.get(0)));
  }

  private static boolean recordsErrors(String onError) {
    return switch (onError) {
      case "fail" -> false;
      case "record" -> true;
      default ->
          throw new ConfigException(
              "on_error is '" + onError + "' (argument); it must be one of fail, record.");
    };
  }

  private static List<String> texts(EngineFunction function, String name, Expression value) {
    if (!value.foldable()) {
      throw new ConfigException(
          "Option "
              + name
              + " of "
              + function.sqlName()
              + " is not a constant: "
              + value.sql()
              + "; only "
              + String.join(" and ", function.arguments())
              + " may differ from row to row.");
    }
    Object constant = value.eval(InternalRow.empty());
    List<String> texts = new ArrayList<>();
    if (value.dataType() instanceof ArrayType list && constant instanceof ArrayData elements) {
      for (Object element : elements.toObjectArray(list.elementType())) {
        texts.add(String.valueOf(element));
      }
    } else if (constant != null) {
      texts.add(constant.toString());
    }
    if (texts.isEmpty()) {
      throw new ConfigException(
          "Option " + name + " of " + function.sqlName() + " has no value; leave it out instead.");
    }
    return texts;
  }

  InferenceOptions options() {
    return options;
  }

  /** Of a call's value. */
  DataType type() {
    return recordsErrors ? TEXT_OR_ERROR : DataTypes.StringType;
  }

  /** Whether a row that cannot be answered is part of the result, or ends the query. */
  boolean recordsErrors() {
    return recordsErrors;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof CallOptions same
        && recordsErrors == same.recordsErrors
        && options.equals(same.options);
  }

  @Override
  public int hashCode() {
    return options.hashCode();
  }

  /** Nothing: the options of a call would drown a plan. */
  @Override
  public String toString() {
    return "";
  }
}
