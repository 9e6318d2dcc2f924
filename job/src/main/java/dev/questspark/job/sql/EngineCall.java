package dev.questspark.job.sql;

import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.analysis.TypeCheckResult;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedLambdaVariable;
import org.apache.spark.sql.catalyst.expressions.Unevaluable;
import org.apache.spark.sql.catalyst.expressions.UserDefinedExpression;
import org.apache.spark.sql.catalyst.expressions.codegen.CodegenContext;
import org.apache.spark.sql.catalyst.expressions.codegen.ExprCode;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.NullType;
import org.apache.spark.sql.types.StringType;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

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
  private final CallOptions options;

  /** Public, because Spark copies plans by reflection. */
  public EngineCall(EngineFunction function, Seq<Expression> arguments, CallOptions options) {
    this.function = function;
    this.arguments = arguments;
    this.options = options;
  }

  CallOptions options() {
    return options;
  }

  @Override
  public Seq<Expression> children() {
    return arguments;
  }

  @Override
  public Expression withNewChildrenInternal(IndexedSeq<Expression> children) {
    return new EngineCall(function, children, options);
  }

  @Override
  public TypeCheckResult checkInputDataTypes() {
    for (Expression argument : CollectionConverters.asJava(arguments)) {
      if (!(argument.dataType() instanceof StringType || argument.dataType() instanceof NullType)) {
        return new TypeCheckResult.TypeCheckFailure(
            prettyName()
                + " takes strings; "
                + argument.sql()
                + " is of type "
                + argument.dataType().sql()
                + ".");
      }
      if (ofLambda(argument)) {
        return new TypeCheckResult.TypeCheckFailure(
            prettyName()
                + " cannot stand in a higher-order function; explode the array, and call it on the"
                + " rows.");
      }
    }
    return TypeCheckResult.TypeCheckSuccess$.MODULE$;
  }

  /** Whether the value is an element of an array that {@code transform} and the like go through. */
  private static boolean ofLambda(Expression argument) {
    return argument instanceof NamedLambdaVariable
        || Plans.list(argument.children()).stream().anyMatch(EngineCall::ofLambda);
  }

  @Override
  public DataType dataType() {
    return options.type();
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
            + " cannot stand where two inputs meet, such as in a join's condition; compute it in a"
            + " select first.");
  }

  @Override
  public List<Object> constructorArguments() {
    return List.of(function, arguments, options);
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
