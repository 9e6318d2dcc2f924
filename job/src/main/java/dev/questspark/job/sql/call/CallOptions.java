package dev.questspark.job.sql.call;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.executor.Policies;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.resolve.QueryOptions;
import java.io.Serial;
import java.io.Serializable;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.MapData;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.Decimal;
import org.apache.spark.sql.types.MapType;
import org.apache.spark.sql.types.StructType;

/** The options of one call: its named arguments over the session's conf. */
public final class CallOptions implements Serializable {
  @Serial private static final long serialVersionUID = 1L;
  private static final String ON_ERROR = "on_error";

  /** Of a call that records errors; exactly one of text and error_code is null. */
  private static final StructType TEXT_OR_ERROR =
      new StructType()
          .add("text", DataTypes.StringType)
          .add("error_code", DataTypes.StringType)
          .add("error_message", DataTypes.StringType);

  private final InferenceOptions options;
  private final OnError onError;

  private CallOptions(InferenceOptions options, OnError onError) {
    this.options = options;
    this.onError = onError;
  }

  /**
   * Resolves and checks what can be checked before the query runs.
   *
   * @throws ConfigException on an unknown option, a value that is not constant or not allowed
   */
  static CallOptions of(EngineFunction function, Map<String, Expression> named) {
    Map<String, List<String>> texts = new LinkedHashMap<>();
    named.forEach((name, value) -> texts.put(name, texts(function, name, value)));
    return of(function, texts, SessionSettings.here());
  }

  /**
   * @param given option name to texts; comes before the session's conf
   */
  public static CallOptions of(
      EngineFunction function, Map<String, List<String>> given, Map<String, String> session) {
    Map<String, List<String>> texts = new LinkedHashMap<>(given);
    List<String> onError = texts.remove(ON_ERROR);
    return SqlWords.in(
        () -> {
          InferenceOptions options =
              QueryOptions.resolve(function.task(), texts, session.entrySet());
          EmbeddedEngine.check(options);
          return new CallOptions(
              options, onError == null ? OnError.FAIL : OnError.of(onError.get(0)));
        });
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
    List<String> texts = texts(value.eval(InternalRow.empty()), value.dataType());
    if (texts.isEmpty()) {
      throw new ConfigException(
          "Option " + name + " of " + function.sqlName() + " has no value; leave it out instead.");
    }
    return texts;
  }

  /** Of an array its elements; none of null. */
  private static List<String> texts(Object constant, DataType type) {
    List<String> texts = new ArrayList<>();
    if (type instanceof ArrayType list && constant instanceof ArrayData elements) {
      for (Object element : elements.toObjectArray(list.elementType())) {
        texts.addAll(texts(element, list.elementType()));
      }
    } else if (constant instanceof Double || constant instanceof Decimal) {
      // beside a fraction in one map a whole number is a fraction too
      texts.add(new BigDecimal(constant.toString()).stripTrailingZeros().toPlainString());
    } else if (constant != null) {
      texts.add(constant.toString());
    }
    return texts;
  }

  /**
   * The entries of a map of options, as constants.
   *
   * @throws ConfigException when it is no constant, or a key is null
   */
  static Map<String, Expression> ofMap(EngineFunction function, Expression given) {
    MapType type = (MapType) given.dataType();
    if (!given.foldable() || !(given.eval(InternalRow.empty()) instanceof MapData map)) {
      throw new ConfigException(
          "The map of options of "
              + function.sqlName()
              + " is not a constant: "
              + given.sql()
              + "; write it as map('max_tokens', '64').");
    }
    Map<String, Expression> named = new LinkedHashMap<>();
    Object[] keys = map.keyArray().toObjectArray(type.keyType());
    Object[] values = map.valueArray().toObjectArray(type.valueType());
    for (int i = 0; i < keys.length; i++) {
      named.put(String.valueOf(keys[i]), new Literal(values[i], type.valueType()));
    }
    return named;
  }

  public InferenceOptions options() {
    return options;
  }

  /** Of the value of a call with one question. */
  public DataType type() {
    return onError == OnError.RECORD ? TEXT_OR_ERROR : DataTypes.StringType;
  }

  public OnError onError() {
    return onError;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof CallOptions same
        && onError == same.onError
        && options.equals(same.options);
  }

  @Override
  public int hashCode() {
    return options.hashCode();
  }

  /** What {@code EXPLAIN} shows: what decides the answer most, in the words of the options. */
  @Override
  public String toString() {
    String template = options.prompt().template();
    return "model="
        + options.engine().model().location().model()
        + ", policy="
        + Policies.shown(EmbeddedEngine.policies(options))
        + ", prompt_template="
        + (template == null ? "default" : template);
  }
}
