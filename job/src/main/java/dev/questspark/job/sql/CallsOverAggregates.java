package dev.questspark.job.sql;

import dev.questspark.job.sql.call.EngineCall;
import dev.questspark.job.sql.call.Plans;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.expressions.Alias;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.expressions.aggregate.AggregateExpression;
import org.apache.spark.sql.catalyst.plans.logical.Aggregate;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.Project;
import scala.Option;

/** Calls on what an aggregate gives, which are made after it, once per group. */
final class CallsOverAggregates {
  private static final int COLUMNS = 1;

  private CallsOverAggregates() {}

  static boolean hasCall(Expression expression) {
    return expression instanceof EngineCall
        || Plans.list(expression.children()).stream().anyMatch(CallsOverAggregates::hasCall);
  }

  /** The aggregate without calls, below a projection with them; itself where it has none. */
  static LogicalPlan lifted(Aggregate aggregate) {
    List<NamedExpression> columns = Plans.list(aggregate.aggregateExpressions());
    List<Expression> groups = Plans.list(aggregate.groupingExpressions());
    if (columns.stream().noneMatch(column -> hasCall((Expression) column))
        || groups.stream().anyMatch(CallsOverAggregates::hasCall)) {
      return aggregate;
    }
    List<NamedExpression> aggregated = new ArrayList<>();
    List<NamedExpression> over = new ArrayList<>();
    for (NamedExpression column : columns) {
      if (hasCall((Expression) column)) {
        over.add((NamedExpression) lifted((Expression) column, groups, aggregated));
      } else {
        add(column, aggregated);
        over.add(column.toAttribute());
      }
    }
    return new Project(Plans.<NamedExpression>seq(over), withColumns(aggregate, aggregated));
  }

  private static Expression lifted(
      Expression expression, List<Expression> groups, List<NamedExpression> aggregated) {
    boolean group = groups.stream().anyMatch(expression::semanticEquals);
    if (group && expression instanceof NamedExpression column) {
      add(column, aggregated);
      return expression;
    }
    if (group || expression instanceof AggregateExpression) {
      for (NamedExpression known : aggregated) {
        if (known instanceof Alias alias && alias.child().semanticEquals(expression)) {
          return known.toAttribute();
        }
      }
      Alias alias =
          new Alias(
              expression,
              "aggregated",
              NamedExpression.newExprId(),
              Plans.seq(),
              Option.empty(),
              Plans.seq());
      aggregated.add(alias);
      return alias.toAttribute();
    }
    return expression.mapChildren(child -> lifted(child, groups, aggregated));
  }

  private static void add(NamedExpression column, List<NamedExpression> columns) {
    if (columns.stream().noneMatch(known -> known.exprId().equals(column.exprId()))) {
      columns.add(column);
    }
  }

  /** Spark's versions differ in what else an aggregate is made of. */
  private static LogicalPlan withColumns(Aggregate aggregate, List<NamedExpression> columns) {
    Object[] parts = new Object[aggregate.productArity()];
    for (int i = 0; i < parts.length; i++) {
      parts[i] = aggregate.productElement(i);
    }
    parts[COLUMNS] = Plans.<NamedExpression>seq(columns);
    return aggregate.makeCopy(parts);
  }
}
