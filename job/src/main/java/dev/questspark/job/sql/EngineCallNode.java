package dev.questspark.job.sql;

import dev.questspark.job.sql.call.CatalystNode;
import dev.questspark.job.sql.call.EngineCall;
import dev.questspark.job.sql.call.Plans;
import java.util.List;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeSet;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import scala.Option;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;

/** The child's rows, in their order, each with the results of the calls at its end. */
public final class EngineCallNode extends LogicalPlan implements CatalystNode {
  private final Seq<Expression> calls;
  private final Seq<Attribute> results;
  private final LogicalPlan child;

  /**
   * Public, because Spark copies plans by reflection.
   *
   * @param calls {@link EngineCall}s
   * @param results what the values of the calls are called
   */
  public EngineCallNode(Seq<Expression> calls, Seq<Attribute> results, LogicalPlan child) {
    this.calls = calls;
    this.results = results;
    this.child = child;
  }

  Seq<Expression> calls() {
    return calls;
  }

  Seq<Attribute> results() {
    return results;
  }

  /** The same calls for other rows. */
  EngineCallNode over(LogicalPlan rows) {
    return new EngineCallNode(calls, results, rows);
  }

  LogicalPlan child() {
    return child;
  }

  @Override
  public Seq<LogicalPlan> children() {
    return Plans.seq(child);
  }

  @Override
  public LogicalPlan withNewChildrenInternal(IndexedSeq<LogicalPlan> children) {
    return over(children.head());
  }

  @Override
  public Seq<Attribute> output() {
    return Plans.concat(child.output(), results);
  }

  @Override
  public AttributeSet producedAttributes() {
    return Plans.set(results);
  }

  @Override
  public Option<Object> maxRows() {
    return child.maxRows();
  }

  @Override
  public Option<Object> maxRowsPerPartition() {
    return child.maxRowsPerPartition();
  }

  @Override
  public List<Object> constructorArguments() {
    return List.of(calls, results, child);
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
