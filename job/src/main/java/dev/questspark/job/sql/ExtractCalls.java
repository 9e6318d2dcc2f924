package dev.questspark.job.sql;

import dev.questspark.job.sql.call.EngineCall;
import dev.questspark.job.sql.call.Plans;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.spark.sql.catalyst.expressions.And;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.AttributeReference;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.NamedExpression;
import org.apache.spark.sql.catalyst.expressions.Or;
import org.apache.spark.sql.catalyst.plans.logical.Aggregate;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.catalyst.plans.logical.Project;
import org.apache.spark.sql.catalyst.rules.Rule;
import org.apache.spark.sql.types.Metadata;

/**
 * Takes the calls out of a plan node's expressions into an {@link EngineCallNode} below it, inner
 * calls before those that use them. Equal calls of one node become one, and one that a node further
 * down has made is not made again. A call in a branch is made for the rows that take the branch.
 */
final class ExtractCalls extends Rule<LogicalPlan> {
  /** A call where it stands, and what must hold for its value to be looked at. */
  private record Place(EngineCall call, List<Expression> conditions) {
    boolean settled() {
      return conditions.stream().noneMatch(CallsOverAggregates::hasCall);
    }
  }

  @Override
  public LogicalPlan apply(LogicalPlan plan) {
    LogicalPlan node = plan.mapChildren(this::apply);
    if (node instanceof EngineCallNode || node.children().size() != 1) {
      return node;
    }
    LogicalPlan extracted =
        node instanceof Aggregate aggregate ? CallsOverAggregates.lifted(aggregate) : node;
    for (Map<EngineCall, EngineCall> calls = ready(extracted);
        !calls.isEmpty();
        calls = ready(extracted)) {
      extracted = extract(extracted, calls);
    }
    return extracted == node || extracted.sameOutput(node)
        ? extracted
        : new Project(Plans.<NamedExpression>seq(Plans.list(node.output())), extracted);
  }

  /**
   * @param calls as they stand to as they are made
   */
  private static LogicalPlan extract(LogicalPlan node, Map<EngineCall, EngineCall> calls) {
    LogicalPlan below = node.children().head();
    Map<EngineCall, Attribute> values = new LinkedHashMap<>();
    List<Expression> made = new ArrayList<>();
    List<Attribute> results = new ArrayList<>();
    for (Map.Entry<EngineCall, EngineCall> call : calls.entrySet()) {
      KnownAnswers known = KnownAnswers.in(below, call.getValue());
      if (known == null) {
        Attribute result = result(call.getKey());
        values.put(call.getKey(), result);
        made.add(call.getValue());
        results.add(result);
      } else {
        below = known.plan();
        values.put(call.getKey(), known.answer());
      }
    }
    LogicalPlan rows =
        made.isEmpty()
            ? below
            : new EngineCallNode(Plans.<Expression>seq(made), Plans.<Attribute>seq(results), below);
    return node.mapExpressions(expression -> replaced(expression, values))
        .withNewChildren(Plans.seq(rows));
  }

  /** Calls that depend on the child's columns and on no other call. */
  private static Map<EngineCall, EngineCall> ready(LogicalPlan node) {
    List<Place> found = new ArrayList<>();
    Plans.list(node.expressions()).forEach(expression -> places(expression, List.of(), found));
    Map<EngineCall, List<Place>> byCall = new LinkedHashMap<>();
    for (Place place : found) {
      if (place.call.references().subsetOf(node.children().head().outputSet())) {
        byCall.computeIfAbsent(place.call, none -> new ArrayList<>()).add(place);
      }
    }
    Map<EngineCall, EngineCall> ready = new LinkedHashMap<>();
    byCall.forEach(
        (call, places) -> {
          List<Place> widest = widest(places);
          if (widest.stream().allMatch(Place::settled)) {
            ready.put(call, made(call, widest));
          }
        });
    if (ready.isEmpty()) { // each waits for another: made for more rows than are looked at
      byCall.forEach((call, places) -> ready.put(call, made(call, places)));
    }
    return ready;
  }

  /** Without those places that are looked at only when another is, too. */
  private static List<Place> widest(List<Place> places) {
    return places.stream()
        .filter(place -> places.stream().noneMatch(other -> inside(place, other)))
        .toList();
  }

  private static boolean inside(Place place, Place other) {
    int size = other.conditions.size();
    return size < place.conditions.size()
        && IntStream.range(0, size)
            .allMatch(i -> place.conditions.get(i).semanticEquals(other.conditions.get(i)));
  }

  private static EngineCall made(EngineCall call, List<Place> places) {
    Expression wanted = null;
    for (Place place : places) {
      List<Expression> usable = Conditions.usable(place.conditions);
      if (usable.isEmpty()) {
        return call;
      }
      Expression here = usable.stream().reduce(And::new).orElseThrow();
      wanted = wanted == null || wanted.semanticEquals(here) ? here : new Or(wanted, here);
    }
    return call.where(wanted);
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

  /** Returns whether there is a call inside; adds the innermost ones. */
  private static boolean places(
      Expression expression, List<Expression> conditions, List<Place> found) {
    boolean inside = false;
    List<Expression> children = Plans.list(expression.children());
    for (int i = 0; i < children.size(); i++) {
      List<Expression> all = new ArrayList<>(conditions);
      all.addAll(Conditions.of(expression, i));
      inside |= places(children.get(i), all, found);
    }
    if (expression instanceof EngineCall call) {
      if (!inside) {
        found.add(new Place(call, conditions));
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
