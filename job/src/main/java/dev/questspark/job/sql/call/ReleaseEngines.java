package dev.questspark.job.sql.call;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.executor.ExecutorEngine;
import java.io.Serializable;
import java.util.List;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.ExpressionInfo;
import org.apache.spark.sql.catalyst.expressions.codegen.CodegenContext;
import org.apache.spark.sql.catalyst.expressions.codegen.CodegenFallback;
import org.apache.spark.sql.catalyst.expressions.codegen.ExprCode;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;

/**
 * {@code ai_release()}: closes the engines that no task uses, in the process that evaluates it, and
 * gives their number. Over a range of as many partitions as the cluster has slots it reaches its
 * executors.
 */
public final class ReleaseEngines extends Expression
    implements CatalystNode, CodegenFallback, Serializable {
  private static final long serialVersionUID = 1L;
  public static final String NAME = "ai_release";

  /** What {@code DESCRIBE FUNCTION} shows. */
  public static ExpressionInfo info() {
    return new ExpressionInfo(
        ReleaseEngines.class.getName(),
        null,
        NAME,
        NAME
            + "() - Closes the engines that no task uses where it is evaluated; gives their number.",
        "",
        "",
        "",
        "",
        "",
        "",
        "scala_udf");
  }

  /**
   * @throws ConfigException when it is given something
   */
  public static Expression of(Seq<Expression> arguments) {
    if (!arguments.isEmpty()) {
      throw new ConfigException(NAME + " takes no argument; leave it out.");
    }
    return new ReleaseEngines();
  }

  @Override
  public Object eval(InternalRow input) {
    return ExecutorEngine.closeIdle();
  }

  @Override
  public ExprCode doGenCode(CodegenContext context, ExprCode code) {
    return CodegenFallback.super.doGenCode(context, code);
  }

  @Override
  public Seq<Expression> children() {
    return Plans.seq();
  }

  @Override
  public Expression withNewChildrenInternal(IndexedSeq<Expression> children) {
    return this;
  }

  @Override
  public DataType dataType() {
    return DataTypes.IntegerType;
  }

  @Override
  public boolean nullable() {
    return false;
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
  public String prettyName() {
    return NAME;
  }

  @Override
  public List<Object> constructorArguments() {
    return List.of();
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
