package dev.questspark.job.sql;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.sql.call.EngineCall;
import dev.questspark.job.sql.call.Plans;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression;
import org.apache.spark.sql.catalyst.plans.logical.Join;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.rules.Rule;

/**
 * Refuses calls where Spark evaluates row by row, in words about the query; Spark's own would be
 * about determinism.
 */
final class RefuseMisplacedCalls extends Rule<LogicalPlan> {
  @Override
  public LogicalPlan apply(LogicalPlan plan) {
    Plans.list(plan.children()).forEach(this::apply);
    for (Expression expression : Plans.list(plan.expressions())) {
      if (plan instanceof Join) {
        refuse(expression, "a join's condition; compute it in a select first, and join on that.");
      } else {
        refuseAggregated(expression);
      }
    }
    return plan;
  }

  private static void refuseAggregated(Expression expression) {
    if (expression instanceof AggregateExpression) {
      refuse(
          expression,
          "an aggregate function; compute it in a select first, and aggregate over that.");
    }
    Plans.list(expression.children()).forEach(RefuseMisplacedCalls::refuseAggregated);
  }

  private static void refuse(Expression expression, String where) {
    if (expression instanceof EngineCall call) {
      throw new ConfigException(call.prettyName() + " cannot stand in " + where);
    }
    Plans.list(expression.children()).forEach(child -> refuse(child, where));
  }
}
