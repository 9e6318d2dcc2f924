package dev.questspark.job.sql;

import dev.questspark.job.executor.InferSettings;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.catalyst.expressions.Expression;
import scala.collection.immutable.Seq;

/**
 * How the calls of one node share work: those with the same options on the same text are questions
 * of one document, which is prefilled once.
 *
 * @param arguments distinct argument expressions of all calls
 * @param documents per document of a row
 * @param calls number of calls
 */
record CallPlan(List<Expression> arguments, List<Asked> documents, int calls)
    implements Serializable {

  /**
   * @param settings of all its calls
   * @param text number of the argument that is the document
   * @param calls in the order of their questions
   */
  record Asked(InferSettings settings, int text, List<Call> calls) implements Serializable {}

  /**
   * @param number among the node's calls
   * @param question number of the argument, or {@link #NO_QUESTION}
   * @param recordsErrors whether the value is a struct
   */
  record Call(int number, int question, boolean recordsErrors) implements Serializable {}

  static final int NO_QUESTION = -1;

  private record Shared(int text, CallOptions options) {
    boolean shares(int otherText, CallOptions other) {
      return text == otherText && options.options().equals(other.options());
    }
  }

  static CallPlan of(Seq<Expression> expressions, SparkContext spark) {
    List<Expression> arguments = new ArrayList<>();
    List<Shared> shared = new ArrayList<>();
    List<Asked> documents = new ArrayList<>();
    List<Expression> calls = Plans.list(expressions);
    for (int i = 0; i < calls.size(); i++) {
      EngineCall call = (EngineCall) calls.get(i);
      List<Integer> at = new ArrayList<>();
      for (Expression argument : Plans.list(call.children())) {
        at.add(numberOf(argument, arguments));
      }
      int text = at.get(0);
      int found = 0;
      while (found < shared.size() && !shared.get(found).shares(text, call.options())) {
        found++;
      }
      if (found == shared.size()) {
        shared.add(new Shared(text, call.options()));
        documents.add(
            new Asked(
                EmbeddedEngine.settings(call.options().options(), spark), text, new ArrayList<>()));
      }
      int question = at.size() > 1 ? at.get(1) : NO_QUESTION;
      documents.get(found).calls.add(new Call(i, question, call.options().recordsErrors()));
    }
    return new CallPlan(arguments, documents, calls.size());
  }

  private static int numberOf(Expression argument, List<Expression> arguments) {
    for (int i = 0; i < arguments.size(); i++) {
      if (arguments.get(i).semanticEquals(argument)) {
        return i;
      }
    }
    arguments.add(argument);
    return arguments.size() - 1;
  }
}
