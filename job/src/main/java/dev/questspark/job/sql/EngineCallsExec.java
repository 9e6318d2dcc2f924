package dev.questspark.job.sql;

import dev.questspark.job.sql.call.CatalystNode;
import dev.questspark.job.sql.call.EmbeddedEngine;
import dev.questspark.job.sql.call.Plans;
import java.util.List;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeSet;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.SortOrder;
import org.apache.spark.sql.catalyst.plans.physical.Partitioning;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.metric.SQLMetric;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Map;
import scala.collection.immutable.Seq;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;

/** Runs {@link EngineCallNode}: each partition streams through its executor's engine. */
public final class EngineCallsExec extends SparkPlan implements CatalystNode {
  private static final long serialVersionUID = 1L;

  private final Seq<Expression> calls;
  private final Seq<Attribute> results;
  private final SparkPlan child;
  private final transient CallCounters counters;

  /** Public, because Spark copies plans by reflection. */
  public EngineCallsExec(Seq<Expression> calls, Seq<Attribute> results, SparkPlan child) {
    this.calls = calls;
    this.results = results;
    this.child = child;
    this.counters = CallCounters.of(sparkContext());
  }

  @Override
  public Seq<SparkPlan> children() {
    return Plans.seq(child);
  }

  @Override
  public SparkPlan withNewChildrenInternal(IndexedSeq<SparkPlan> children) {
    return new EngineCallsExec(calls, results, children.head());
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
  public Partitioning outputPartitioning() {
    return child.outputPartitioning();
  }

  @Override
  public Seq<SortOrder> outputOrdering() {
    return child.outputOrdering();
  }

  @Override
  public Map<String, SQLMetric> metrics() {
    return counters.metrics();
  }

  @Override
  public RDD<InternalRow> doExecute() {
    EmbeddedEngine.closeWith(sparkContext());
    ClassTag<InternalRow> rows = ClassTag$.MODULE$.apply(InternalRow.class);
    AnswerPartition answer =
        new AnswerPartition(CallPlan.of(calls, sparkContext()), child.output(), output(), counters);
    return JavaRDD.fromRDD(child.execute(), rows).mapPartitions(answer, true).rdd();
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
