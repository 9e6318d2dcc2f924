package dev.questspark.job.sql;

import dev.questspark.job.sql.call.Plans;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.SparkStrategy;
import scala.collection.immutable.Seq;

/** {@link EngineCallNode} run as {@link EngineCallsExec}. */
final class EngineCallsStrategy extends SparkStrategy {
  @Override
  public Seq<SparkPlan> apply(LogicalPlan plan) {
    return plan instanceof EngineCallNode calls
        ? Plans.seq(new EngineCallsExec(calls.calls(), calls.results(), planLater(calls.child())))
        : Plans.seq();
  }
}
