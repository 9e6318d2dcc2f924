package dev.questspark.job.sql;

import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.sql.call.CallOptions;
import dev.questspark.job.sql.call.EmbeddedEngine;
import dev.questspark.job.sql.call.EngineCall;
import dev.questspark.job.sql.call.OnError;
import dev.questspark.job.sql.call.Plans;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.If;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.Or;
import scala.collection.immutable.Seq;

/**
 * How the calls of one node share work: those with the same options on the same text are questions
 * of one document, which is prefilled once.
 *
 * @param inputs distinct arguments and conditions of all calls; an argument that only calls with a
 *     condition read is null where none of them holds
 * @param documents per document of a row
 * @param calls number of calls
 */
record CallPlan(List<Expression> inputs, List<Asked> documents, int calls) implements Serializable {

  /**
   * @param settings of all its calls
   * @param text number of the input that is the document
   */
  record Asked(InferSettings settings, int text, List<Call> calls) implements Serializable {}

  /**
   * @param number among the node's calls
   * @param question number of the input, or {@link #NONE}
   * @param many whether the question is an array of such
   * @param condition number of the input that says whether the value is looked at, or {@link #NONE}
   */
  record Call(int number, int question, boolean many, int condition, OnError onError)
      implements Serializable {}

  static final int NONE = -1;

  private record Shared(int text, CallOptions options) {
    boolean shares(int otherText, CallOptions other) {
      return text == otherText && options.options().equals(other.options());
    }
  }

  /** An argument, and the conditions of the calls that read it; empty when one of them has none. */
  private record Argument(Expression value, Optional<Expression> read) {
    Argument or(Optional<Expression> other) {
      return new Argument(
          value,
          read.isEmpty() || other.isEmpty()
              ? Optional.empty()
              : Optional.of(new Or(read.get(), other.get())));
    }

    /** What is evaluated, which an untaken branch must not be: it may be what the branch avoids. */
    Expression input() {
      return read.<Expression>map(
              wanted -> new If(wanted, value, new Literal(null, value.dataType())))
          .orElse(value);
    }
  }

  static CallPlan of(Seq<Expression> expressions, SparkContext spark) {
    List<Argument> arguments = new ArrayList<>();
    List<Shared> shared = new ArrayList<>();
    List<Asked> documents = new ArrayList<>();
    List<Expression> calls = Plans.list(expressions);
    for (int i = 0; i < calls.size(); i++) {
      EngineCall call = (EngineCall) calls.get(i);
      List<Integer> at = new ArrayList<>();
      for (Expression argument : call.arguments()) {
        at.add(numberOf(argument, call.condition(), arguments));
      }
      int condition =
          call.condition()
              .map(wanted -> numberOf(wanted, Optional.empty(), arguments))
              .orElse(NONE);
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
      int question = at.size() > 1 ? at.get(1) : NONE;
      documents
          .get(found)
          .calls
          .add(new Call(i, question, call.asksMany(), condition, call.options().onError()));
    }
    return new CallPlan(arguments.stream().map(Argument::input).toList(), documents, calls.size());
  }

  private static int numberOf(
      Expression argument, Optional<Expression> condition, List<Argument> arguments) {
    for (int i = 0; i < arguments.size(); i++) {
      if (arguments.get(i).value.semanticEquals(argument)) {
        arguments.set(i, arguments.get(i).or(condition));
        return i;
      }
    }
    arguments.add(new Argument(argument, condition));
    return arguments.size() - 1;
  }
}
