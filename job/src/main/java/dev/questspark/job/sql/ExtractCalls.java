package dev.questspark.job.sql;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.Project;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.types.Metadata;

/**
 * Takes the calls out of a plan node's expressions into an {@link EngineCallNode} below it, inner
 * calls before those that use them. Equal calls of one node become one.
 */
final class ExtractCalls extends Rule<LogicalPlan> {
  @Override
  public LogicalPlan apply(LogicalPlan plan) {
    LogicalPlan node = plan.mapChildren(this::apply);
    if (node instanceof EngineCallNode || node.children().size() != 1) {
      return node;
    }
    LogicalPlan extracted = node;
    for (Map<EngineCall, Attribute> calls = ready(extracted);
        !calls.isEmpty();
        calls = ready(extracted)) {
      Map<EngineCall, Attribute> found = calls;
      LogicalPlan below =
          new EngineCallNode(
              Plans.<Expression>seq(new ArrayList<>(calls.keySet())),
              Plans.<Attribute>seq(new ArrayList<>(calls.values())),
              extracted.children().head());
      extracted =
          extracted
              .mapExpressions(expression -> replaced(expression, found))
              .withNewChildren(Plans.seq(below));
    }
    return extracted == node || extracted.sameOutput(node)
        ? extracted
        : new Project(Plans.<NamedExpression>seq(Plans.list(node.output())), extracted);
  }

  /** Calls that depend on the child's columns and on no other call. */
  private static Map<EngineCall, Attribute> ready(LogicalPlan node) {
    List<EngineCall> found = new ArrayList<>();
    Plans.list(node.expressions()).forEach(expression -> innermost(expression, found));
    Map<EngineCall, Attribute> ready = new LinkedHashMap<>();
    for (EngineCall call : found) {
      if (call.references().subsetOf(node.children().head().outputSet())) {
        ready.computeIfAbsent(call, ExtractCalls::result);
      }
    }
    return ready;
  }

  private static Attribute result(EngineCall call) {
    return new AttributeReference(
        call.prettyName(),
        call.dataType(),
        call.nullable(),
        Metadata.empty(),
        NamedExpression.newExprId(),
        Plans.seq());
  }

  private static boolean innermost(Expression expression, List<EngineCall> found) {
    boolean inside = false;
    for (Expression child : Plans.list(expression.children())) {
      inside |= innermost(child, found);
    }
    if (expression instanceof EngineCall call) {
      if (!inside) {
        found.add(call);
      }
      return true;
    }
    return inside;
  }

  private static Expression replaced(Expression expression, Map<EngineCall, Attribute> calls) {
    if (expression instanceof EngineCall call && calls.containsKey(call)) {
      return calls.get(call);
    }
    return expression.mapChildren(child -> replaced(child, calls));
  }
}
