package dev.questspark.job.sql;

import dev.questspark.job.sql.call.EngineCall;
import dev.questspark.job.sql.call.Plans;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.plans.logical.Filter;
import org.apache.spark.sql.catalyst.plans.logical.GlobalLimit;
import org.apache.spark.sql.catalyst.plans.logical.LocalLimit;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.Project;
import org.apache.spark.sql.catalyst.plans.logical.Sort;

/**
 * A call's value that a node further down has made, such as that of a filter for the same call in
 * the select over it.
 *
 * @param plan with the value among its columns
 * @param answer the value
 */
record KnownAnswers(LogicalPlan plan, Attribute answer) {
  /** Null where no node below has made the call. */
  static KnownAnswers in(LogicalPlan plan, EngineCall call) {
    if (plan instanceof EngineCallNode calls) {
      return in(calls, call);
    }
    if (plan instanceof Project project) {
      EngineCall unfolded = (EngineCall) PushDownBelowEngineCalls.substituted(call, project);
      KnownAnswers known = in(project.child(), unfolded);
      if (known == null) {
        return null;
      }
      List<NamedExpression> columns = new ArrayList<>(Plans.list(project.projectList()));
      if (columns.stream().noneMatch(column -> column.exprId().equals(known.answer.exprId()))) {
        columns.add(known.answer);
      }
      return new KnownAnswers(
          new Project(Plans.<NamedExpression>seq(columns), known.plan), known.answer);
    }
    boolean passes =
        plan instanceof Filter
            || plan instanceof Sort
            || plan instanceof LocalLimit
            || plan instanceof GlobalLimit;
    return passes ? over(plan, in(plan.children().head(), call)) : null;
  }

  private static KnownAnswers in(EngineCallNode calls, EngineCall wanted) {
    for (int i = 0; i < calls.calls().size(); i++) {
      EngineCall made = (EngineCall) calls.calls().apply(i);
      boolean everyRow = made.condition().isEmpty();
      boolean sameRows =
          made.condition().isPresent()
              && wanted.condition().filter(made.condition().get()::semanticEquals).isPresent();
      if (made.asks(wanted) && (everyRow || sameRows)) {
        return new KnownAnswers(calls, calls.results().apply(i));
      }
    }
    return wanted.references().subsetOf(calls.child().outputSet())
        ? over(calls, in(calls.child(), wanted))
        : null;
  }

  private static KnownAnswers over(LogicalPlan plan, KnownAnswers known) {
    return known == null
        ? null
        : new KnownAnswers(plan.withNewChildren(Plans.seq(known.plan)), known.answer);
  }
}
