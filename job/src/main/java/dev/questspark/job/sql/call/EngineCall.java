package dev.questspark.job.sql.call;

import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.analysis.TypeCheckResult;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedLambdaVariable;
import org.apache.spark.sql.catalyst.expressions.Unevaluable;
import org.apache.spark.sql.catalyst.expressions.UserDefinedExpression;
import org.apache.spark.sql.catalyst.expressions.codegen.CodegenContext;
import org.apache.spark.sql.catalyst.expressions.codegen.ExprCode;
import org.apache.spark.sql.types.ArrayType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.NullType;
import org.apache.spark.sql.types.StringType;
import scala.Option;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.OptionConverters;

/**
 * One call of an {@link EngineFunction}. Called non-deterministic at any temperature, so that Spark
 * never runs it twice where the query says once. It has no value by itself: {@link ExtractCalls}
 * replaces it. Called user-defined, because that is what Spark pulls out of a group by.
 */
public final class EngineCall extends Expression
    implements CatalystNode, Unevaluable, UserDefinedExpression, Serializable {
  private static final long serialVersionUID = 1L;

  private final EngineFunction function;
  private final Seq<Expression> arguments;
  private final Option<Expression> condition;
  private final CallOptions options;

  /**
   * Public, because Spark copies plans by reflection.
   *
   * @param condition of the rows whose value is looked at; without one, of all
   */
  public EngineCall(
      EngineFunction function,
      Seq<Expression> arguments,
      Option<Expression> condition,
      CallOptions options) {
    this.function = function;
    this.arguments = arguments;
    this.condition = condition;
    this.options = options;
  }

  public CallOptions options() {
    return options;
  }

  public List<Expression> arguments() {
    return Plans.list(arguments);
  }

  public Optional<Expression> condition() {
    return OptionConverters.toJava(condition);
  }

  /** The same call for some of the rows. */
  public EngineCall where(Expression wanted) {
    return new EngineCall(function, arguments, Option.apply(wanted), options);
  }

  /** Whether both have one value in every row that both are for. */
  public boolean asks(EngineCall other) {
    List<Expression> own = arguments();
    List<Expression> others = other.arguments();
    return function == other.function
        && options.equals(other.options)
        && IntStream.range(0, own.size()).allMatch(i -> own.get(i).semanticEquals(others.get(i)));
  }

  /** Whether several questions are asked of each text. */
  public boolean asksMany() {
    return arguments.size() > 1 && arguments.apply(1).dataType() instanceof ArrayType;
  }

  @Override
  public Seq<Expression> children() {
    return Plans.concat(arguments, condition.toList());
  }

  @Override
  public Expression withNewChildrenInternal(IndexedSeq<Expression> children) {
    List<Expression> all = Plans.list(children);
    int count = arguments.size();
    return new EngineCall(
        function,
        Plans.seq(all.subList(0, count)),
        Option.apply(all.size() > count ? all.get(count) : null),
        options);
  }

  @Override
  public TypeCheckResult checkInputDataTypes() {
    List<Expression> all = arguments();
    for (int i = 0; i < all.size(); i++) {
      Expression argument = all.get(i);
      boolean many = i > 0 && argument.dataType() instanceof ArrayType;
      if (!text(many ? ((ArrayType) argument.dataType()).elementType() : argument.dataType())) {
        return new TypeCheckResult.TypeCheckFailure(
            prettyName()
                + " takes strings"
                + (i > 0 ? " and arrays of strings as questions; " : "; ")
                + argument.sql()
                + " is of type "
                + argument.dataType().sql()
                + ".");
      }
      if (ofLambda(argument)) {
        return new TypeCheckResult.TypeCheckFailure(
            prettyName()
                + " cannot stand in a higher-order function; "
                + (function == EngineFunction.ANSWER
                    ? "give it the array of questions, or explode the array and call it on the rows."
                    : "explode the array, and call it on the rows."));
      }
    }
    return TypeCheckResult.TypeCheckSuccess$.MODULE$;
  }

  private static boolean text(DataType type) {
    return type instanceof StringType || type instanceof NullType;
  }

  /** Whether the value is an element of an array that {@code transform} and the like go through. */
  private static boolean ofLambda(Expression argument) {
    return argument instanceof NamedLambdaVariable
        || Plans.list(argument.children()).stream().anyMatch(EngineCall::ofLambda);
  }

  @Override
  public DataType dataType() {
    return asksMany() ? new ArrayType(options.type(), true) : options.type();
  }

  @Override
  public boolean nullable() {
    return true;
  }

  @Override
  public boolean foldable() {
    return false;
  }

  @Override
  public boolean deterministic() {
    return false;
  }

  @Override
  public String name() {
    return function.sqlName();
  }

  @Override
  public String prettyName() {
    return function.sqlName();
  }

  @Override
  public Object eval(InternalRow input) {
    throw misplaced();
  }

  @Override
  public ExprCode doGenCode(CodegenContext context, ExprCode code) {
    throw misplaced();
  }

  private UnsupportedOperationException misplaced() {
    return new UnsupportedOperationException(
        prettyName()
            + " cannot stand here, where Spark evaluates it row by row; compute it in a select"
            + " first.");
  }

  @Override
  public List<Object> constructorArguments() {
    return List.of(function, arguments, condition, options);
  }

  @Override
  public String toString() {
    return prettyName()
        + arguments.mkString("(", ", ", "; ")
        + options
        + ")"
        + condition().map(wanted -> " where " + wanted).orElse("");
  }

  @Override
  public boolean equals(Object other) {
    return equalNode(other);
  }

  @Override
  public int hashCode() {
    return super.hashCode();
  }
}
