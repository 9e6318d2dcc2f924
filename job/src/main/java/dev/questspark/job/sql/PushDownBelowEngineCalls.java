package dev.questspark.job.sql;

import dev.questspark.job.sql.call.Plans;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.apache.spark.sql.catalyst.expressions.Alias;
import org.apache.spark.sql.catalyst.expressions.And;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.AttributeSet;
import org.apache.spark.sql.catalyst.expressions.ExprId;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.plans.logical.Filter;
import org.apache.spark.sql.catalyst.plans.logical.GlobalLimit;
import org.apache.spark.sql.catalyst.plans.logical.LocalLimit;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.Project;
import org.apache.spark.sql.catalyst.plans.logical.Sort;
import org.apache.spark.sql.catalyst.rules.Rule;
import scala.Option;

/**
 * The engine works on as few rows as the query allows: what makes rows fewer and does not look at
 * an answer goes below the calls, answers that nobody looks at are not made, and calls on one
 * document meet in one node, where it is prefilled once. Spark's own rules stop at a node they do
 * not know.
 */
final class PushDownBelowEngineCalls extends Rule<LogicalPlan> {
  /** {@link EngineCallNode} below some projections, which {@code rebuild} puts back over it. */
  private record Below(EngineCallNode calls, List<Project> over) {
    LogicalPlan rebuild(LogicalPlan calls) {
      LogicalPlan plan = calls;
      for (int i = over.size() - 1; i >= 0; i--) {
        plan = over.get(i).withNewChildren(Plans.seq(plan));
      }
      return plan;
    }

    /** The expression in the columns below the projections. */
    Expression unfolded(Expression expression) {
      Expression plain = expression;
      for (Project project : over) {
        plain = substituted(plain, project);
      }
      return plain;
    }
  }

  @Override
  public LogicalPlan apply(LogicalPlan plan) {
    LogicalPlan node = plan.mapChildren(this::apply);
    if (node instanceof Filter filter && filter.child() instanceof EngineCallNode calls) {
      return filterFirst(filter, calls);
    }
    if (node instanceof LocalLimit limit) {
      return limitFirst(limit);
    }
    if (node instanceof Project project && project.child() instanceof EngineCallNode calls) {
      return withoutUnused(project, calls);
    }
    return node instanceof EngineCallNode calls ? merged(calls) : node;
  }

  private static LogicalPlan filterFirst(Filter filter, EngineCallNode calls) {
    List<Expression> first = new ArrayList<>();
    List<Expression> later = new ArrayList<>();
    AttributeSet rows = calls.child().outputSet();
    for (Expression condition : conditions(filter.condition())) {
      boolean early = condition.deterministic() && condition.references().subsetOf(rows);
      (early ? first : later).add(condition);
    }
    if (first.isEmpty()) {
      return filter;
    }
    LogicalPlan fewer = calls.over(new Filter(all(first), calls.child()));
    return later.isEmpty() ? fewer : new Filter(all(later), fewer);
  }

  /**
   * The limit stays where Spark plans it and also goes below the calls; a sort that it ends goes
   * with it.
   */
  private static LogicalPlan limitFirst(LocalLimit limit) {
    List<Project> overSort = new ArrayList<>();
    LogicalPlan below = descend(limit.child(), overSort);
    if (below instanceof Sort sort && sort.global()) {
      return below(sort.child())
          .flatMap(found -> sortFirst(limit, overSort, sort, found))
          .orElse(limit);
    }
    return below(limit.child())
        .filter(found -> !limited(found.calls.child(), limit))
        .<LogicalPlan>map(
            found ->
                limit.withNewChildren(
                    Plans.seq(
                        found.rebuild(
                            found.calls.over(
                                new LocalLimit(limit.limitExpr(), found.calls.child()))))))
        .orElse(limit);
  }

  private static Optional<LogicalPlan> sortFirst(
      LocalLimit limit, List<Project> overSort, Sort sort, Below found) {
    Sort early =
        (Sort) sort.withNewChildren(Plans.seq(found.calls.child())).mapExpressions(found::unfolded);
    if (!early.references().subsetOf(found.calls.child().outputSet())
        || Plans.list(early.order()).stream().anyMatch(order -> !order.deterministic())) {
      return Optional.empty();
    }
    LogicalPlan fewest =
        new GlobalLimit(limit.limitExpr(), new LocalLimit(limit.limitExpr(), early));
    LogicalPlan answered = found.rebuild(found.calls.over(fewest));
    return Optional.of(
        limit.withNewChildren(Plans.seq(new Below(null, overSort).rebuild(answered))));
  }

  private static boolean limited(LogicalPlan plan, LocalLimit limit) {
    Option<Object> most = plan.maxRowsPerPartition();
    return most.isDefined()
        && ((Number) most.get()).longValue() <= ((Number) limit.limitExpr().eval(null)).longValue();
  }

  private static LogicalPlan withoutUnused(Project project, EngineCallNode calls) {
    AttributeSet used = project.references();
    List<Expression> wanted = new ArrayList<>();
    List<Attribute> results = new ArrayList<>();
    for (int i = 0; i < calls.results().size(); i++) {
      if (used.contains((NamedExpression) calls.results().apply(i))) {
        wanted.add(calls.calls().apply(i));
        results.add(calls.results().apply(i));
      }
    }
    if (wanted.size() == calls.calls().size()) {
      return project;
    }
    return project.withNewChildren(
        Plans.<LogicalPlan>seq(
            wanted.isEmpty()
                ? calls.child()
                : new EngineCallNode(Plans.seq(wanted), Plans.seq(results), calls.child())));
  }

  /** Calls over calls become one node, unless they need the others' answers. */
  private static LogicalPlan merged(EngineCallNode upper) {
    Optional<Below> below = below(upper.child());
    if (below.isEmpty() || below.get().over.size() > 1) {
      return upper;
    }
    Below lower = below.get();
    List<Expression> moved = Plans.list(upper.calls()).stream().map(lower::unfolded).toList();
    AttributeSet rows = lower.calls.child().outputSet();
    if (!moved.stream().allMatch(call -> call.references().subsetOf(rows))) {
      return upper;
    }
    LogicalPlan both =
        new EngineCallNode(
            Plans.concat(lower.calls.calls(), Plans.seq(moved)),
            Plans.concat(lower.calls.results(), upper.results()),
            lower.calls.child());
    return lower.over.isEmpty()
        ? both
        : new Project(Plans.concat(lower.over.get(0).projectList(), upper.results()), both);
  }

  private static LogicalPlan descend(LogicalPlan plan, List<Project> over) {
    LogicalPlan node = plan;
    while (node instanceof Project project && deterministic(project)) {
      over.add(project);
      node = project.child();
    }
    return node;
  }

  private static Optional<Below> below(LogicalPlan plan) {
    List<Project> over = new ArrayList<>();
    return descend(plan, over) instanceof EngineCallNode calls
        ? Optional.of(new Below(calls, over))
        : Optional.empty();
  }

  private static boolean deterministic(Project project) {
    return Plans.list(project.expressions()).stream().allMatch(Expression::deterministic);
  }

  /** The expression in the columns below the projection. */
  static Expression substituted(Expression expression, Project project) {
    Map<ExprId, Expression> aliases = new HashMap<>();
    for (NamedExpression named : Plans.list(project.projectList())) {
      if (named instanceof Alias alias) {
        aliases.put(alias.exprId(), alias.child());
      }
    }
    return substituted(expression, aliases::get);
  }

  private static Expression substituted(
      Expression expression, Function<ExprId, Expression> aliases) {
    if (expression instanceof AttributeReference attribute) {
      Expression meant = aliases.apply(attribute.exprId());
      return meant == null ? attribute : meant;
    }
    return expression.mapChildren(child -> substituted(child, aliases));
  }

  private static List<Expression> conditions(Expression condition) {
    if (condition instanceof And and) {
      List<Expression> both = new ArrayList<>(conditions(and.left()));
      both.addAll(conditions(and.right()));
      return both;
    }
    return List.of(condition);
  }

  private static Expression all(List<Expression> conditions) {
    return conditions.stream().reduce(And::new).orElseThrow();
  }
}
