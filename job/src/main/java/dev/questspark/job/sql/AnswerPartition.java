package dev.questspark.job.sql;

import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.answer.Answer;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.corpus.Document;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.executor.EngineReports;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.infer.EngineStream;
import dev.questspark.job.infer.EngineStream.Answered;
import dev.questspark.job.infer.EngineStream.Asked;
import dev.questspark.job.input.Utf8;
import dev.questspark.job.partition.PlannedDocument;
import java.io.Serial;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import org.apache.spark.TaskContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.unsafe.types.UTF8String;
import scala.collection.immutable.Seq;

/** One task of {@link EngineCallsExec}. */
final class AnswerPartition implements FlatMapFunction<Iterator<InternalRow>, InternalRow> {
  @Serial private static final long serialVersionUID = 1L;

  private final CallPlan plan;
  private final Seq<Attribute> input;
  private final Seq<Attribute> output;
  private final CallCounters counters;
  private final EngineReports reports;

  AnswerPartition(
      CallPlan plan,
      Seq<Attribute> input,
      Seq<Attribute> output,
      CallCounters counters,
      EngineReports reports) {
    this.plan = plan;
    this.input = input;
    this.output = output;
    this.counters = counters;
    this.reports = reports;
  }

  /**
   * A row on its way.
   *
   * @param askedCalls per document the calls that its questions are, those without an argument left
   *     out
   */
  private record RowContext(InternalRow row, List<List<CallPlan.Call>> askedCalls) {}

  @Override
  public Iterator<InternalRow> call(Iterator<InternalRow> rows) {
    UnsafeProjection arguments =
        UnsafeProjection.create(Plans.<Expression>seq(plan.arguments()), input);
    arguments.initialize(TaskContext.getPartitionId());
    UnsafeProjection result =
        UnsafeProjection.create(Plans.<Expression>seq(Plans.list(output)), output);
    List<InferSettings> settings = plan.documents().stream().map(CallPlan.Asked::settings).toList();
    Iterator<Answered<RowContext>> answers =
        EngineStream.asAsked(settings, reports, mapped(rows, row -> ask(row, arguments)));
    return mapped(
        answers,
        answered -> result.apply(new JoinedRow(answered.context().row(), results(answered))));
  }

  private Asked<RowContext> ask(InternalRow row, UnsafeProjection arguments) {
    InternalRow values = arguments.apply(row);
    List<List<CallPlan.Call>> askedCalls = new ArrayList<>();
    List<Optional<PlannedDocument>> documents = new ArrayList<>();
    for (CallPlan.Asked asked : plan.documents()) {
      List<CallPlan.Call> calls = new ArrayList<>();
      List<Question> questions = new ArrayList<>();
      for (CallPlan.Call call : asked.calls()) {
        if (call.question() == CallPlan.NO_QUESTION) {
          calls.add(call);
          questions.add(new Question(0, null, null));
        } else if (!values.isNullAt(call.question())) {
          calls.add(call);
          questions.add(new Question(0, values.getUTF8String(call.question()).toString(), null));
        }
      }
      boolean nothing = values.isNullAt(asked.text()) || calls.isEmpty();
      askedCalls.add(nothing ? List.of() : calls);
      documents.add(
          nothing
              ? Optional.empty()
              : Optional.of(
                  PlannedDocument.whole(document(values.getUTF8String(asked.text()), questions))));
    }
    return new Asked<>(new RowContext(row.copy(), askedCalls), documents);
  }

  /** The text is all that is known of a document; its hash decides what it draws. */
  private static Document document(UTF8String text, List<Question> questions) {
    byte[] bytes = text.getBytes();
    String id = UUID.nameUUIDFromBytes(bytes).toString();
    Document document = new Document(id, text.toString(), questions, "a query", Optional.empty());
    if (!Utf8.valid(bytes)) {
      return document.withDefect(Defect.of(ErrorCode.INVALID_UTF8));
    }
    return Utf8.blank(document.text())
        ? document.withDefect(Defect.of(ErrorCode.EMPTY_DOCUMENT))
        : document;
  }

  private InternalRow results(Answered<RowContext> answered) {
    Object[] values = new Object[plan.calls()];
    for (int i = 0; i < answered.answers().size(); i++) {
      List<CallPlan.Call> calls = answered.context().askedCalls().get(i);
      for (int j = 0; j < calls.size(); j++) {
        Answer answer = answered.answers().get(i).get(j);
        counters.count(answer);
        values[calls.get(j).number()] =
            calls.get(j).recordsErrors() ? textOrError(answer) : text(answer);
      }
    }
    return new GenericInternalRow(values);
  }

  private static UTF8String text(Answer answer) {
    if (answer.defect().isPresent()) {
      Defect defect = answer.defect().get();
      throw new DocumentException(
          defect.code(),
          defect.code()
              + ": "
              + defect.message()
              + "; with on_error => 'record' the row keeps the error and the query goes on");
    }
    return UTF8String.fromString(answer.outcome().orElseThrow().text());
  }

  private static InternalRow textOrError(Answer answer) {
    return new GenericInternalRow(
        new Object[] {
          answer.outcome().map(found -> UTF8String.fromString(found.text())).orElse(null),
          answer.defect().map(found -> UTF8String.fromString(found.code().name())).orElse(null),
          answer.defect().map(found -> UTF8String.fromString(found.message())).orElse(null)
        });
  }

  private static <A, B> Iterator<B> mapped(Iterator<A> all, Function<A, B> function) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return all.hasNext();
      }

      @Override
      public B next() {
        return function.apply(all.next());
      }
    };
  }
}
