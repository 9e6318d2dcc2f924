package dev.questspark.job.sql;

import dev.questspark.job.sql.call.Plans;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.expressions.And;
import org.apache.spark.sql.catalyst.expressions.CaseWhen;
import org.apache.spark.sql.catalyst.expressions.Coalesce;
import org.apache.spark.sql.catalyst.expressions.EqualNullSafe;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.If;
import org.apache.spark.sql.catalyst.expressions.IsNull;
import org.apache.spark.sql.catalyst.expressions.Literal$;
import org.apache.spark.sql.catalyst.expressions.Not;
import org.apache.spark.sql.catalyst.expressions.Or;

/** For which rows Spark evaluates a part of an expression. */
final class Conditions {
  private Conditions() {}

  /**
   * What must hold for a child beyond what holds for its parent, in the order in which Spark finds
   * it out; none of it is ever null.
   */
  static List<Expression> of(Expression parent, int child) {
    List<Expression> children = Plans.list(parent.children());
    List<Expression> conditions = new ArrayList<>();
    if (parent instanceof If && child > 0) {
      conditions.add(child == 1 ? yes(children.get(0)) : notYes(children.get(0)));
    } else if (parent instanceof CaseWhen) {
      for (int earlier = 0; earlier + 1 < child; earlier += 2) {
        conditions.add(notYes(children.get(earlier)));
      }
      if (child % 2 == 1) {
        conditions.add(yes(children.get(child - 1)));
      }
    } else if (parent instanceof Coalesce) {
      children.subList(0, child).forEach(earlier -> conditions.add(new IsNull(earlier)));
    } else if (parent instanceof Or && child == 1) {
      conditions.add(notYes(children.get(0)));
    } else if (parent instanceof And && child == 1) {
      conditions.add(new Not(new EqualNullSafe(children.get(0), Literal$.MODULE$.FalseLiteral())));
    }
    return conditions;
  }

  /**
   * The first of the conditions, up to one that cannot be evaluated apart from its expression: one
   * that draws random numbers, or needs a call's value.
   */
  static List<Expression> usable(List<Expression> conditions) {
    int end = 0;
    while (end < conditions.size() && conditions.get(end).deterministic()) {
      end++;
    }
    return conditions.subList(0, end);
  }

  private static Expression yes(Expression condition) {
    return new EqualNullSafe(condition, Literal$.MODULE$.TrueLiteral());
  }

  private static Expression notYes(Expression condition) {
    return new Not(yes(condition));
  }
}
