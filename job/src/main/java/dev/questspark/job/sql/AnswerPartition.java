package dev.questspark.job.sql;

import dev.questspark.engine.failure.DocumentException;
import dev.questspark.job.answer.Answer;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.executor.EngineReports;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.infer.EngineStream;
import dev.questspark.job.infer.EngineStream.Answered;
import dev.questspark.job.infer.EngineStream.Asked;
import dev.questspark.job.sql.call.Plans;
import dev.questspark.job.sql.call.SqlWords;
import java.io.Serial;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.List;
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

  AnswerPartition(
      CallPlan plan, Seq<Attribute> input, Seq<Attribute> output, CallCounters counters) {
    this.plan = plan;
    this.input = input;
    this.output = output;
    this.counters = counters;
  }

  @Override
  public Iterator<InternalRow> call(Iterator<InternalRow> rows) {
    UnsafeProjection inputs = UnsafeProjection.create(Plans.<Expression>seq(plan.inputs()), input);
    inputs.initialize(TaskContext.getPartitionId());
    UnsafeProjection result =
        UnsafeProjection.create(Plans.<Expression>seq(Plans.list(output)), output);
    List<InferSettings> settings = plan.documents().stream().map(CallPlan.Asked::settings).toList();
    // The reports stay here: a query's driver may not know our classes, where the jar was added.
    Iterator<Answered<AskedRows>> answers =
        EngineStream.asAsked(settings, new EngineReports(), new Requests(plan, rows, inputs));
    return new Results(answers, result);
  }

  /** The partition's rows, those that ask of the same texts together; reads one row ahead. */
  private static final class Requests implements Iterator<Asked<AskedRows>> {
    private final CallPlan plan;
    private final Iterator<InternalRow> rows;
    private final UnsafeProjection inputs;

    /** Begins with the row that was read ahead; null before the first. */
    private AskedRows next;

    Requests(CallPlan plan, Iterator<InternalRow> rows, UnsafeProjection inputs) {
      this.plan = plan;
      this.rows = rows;
      this.inputs = inputs;
    }

    @Override
    public boolean hasNext() {
      return next != null || rows.hasNext();
    }

    @Override
    public Asked<AskedRows> next() {
      AskedRows request = next == null ? begin(rows.next()) : next;
      next = null;
      while (next == null && rows.hasNext()) {
        InternalRow row = rows.next();
        if (!request.add(row, inputs.apply(row))) {
          next = begin(row);
        }
      }
      return request.request();
    }

    private AskedRows begin(InternalRow row) {
      AskedRows request = new AskedRows(plan);
      request.add(row, inputs.apply(row));
      return request;
    }
  }

  /** Each row with the values of its calls. */
  private final class Results implements Iterator<InternalRow> {
    private final Iterator<Answered<AskedRows>> answers;
    private final UnsafeProjection result;
    private final ArrayDeque<InternalRow> ready = new ArrayDeque<>();

    Results(Iterator<Answered<AskedRows>> answers, UnsafeProjection result) {
      this.answers = answers;
      this.result = result;
    }

    @Override
    public boolean hasNext() {
      return !ready.isEmpty() || answers.hasNext();
    }

    @Override
    public InternalRow next() {
      if (ready.isEmpty()) {
        Answered<AskedRows> answered = answers.next();
        answered.answers().forEach(ofDocument -> ofDocument.forEach(counters::count));
        List<InternalRow> rows = answered.context().rows();
        List<InternalRow> values =
            answered.context().values(answered.answers(), AnswerPartition::value);
        for (int i = 0; i < rows.size(); i++) {
          ready.add(new JoinedRow(rows.get(i), values.get(i)));
        }
      }
      return result.apply(ready.remove());
    }
  }

  private static Object value(CallPlan.Call call, Answer answer) {
    return switch (call.onError()) {
      case FAIL -> text(answer);
      case NULL -> answer.outcome().map(found -> UTF8String.fromString(found.text())).orElse(null);
      case RECORD -> textOrError(answer);
    };
  }

  private static UTF8String text(Answer answer) {
    if (answer.defect().isPresent()) {
      Defect defect = answer.defect().get();
      throw new DocumentException(
          defect.code(),
          defect.code()
              + ": "
              + SqlWords.of(defect.message())
              + "; with on_error => 'record' the row keeps the error, with 'null' it has no value,"
              + " and the query goes on");
    }
    return UTF8String.fromString(answer.outcome().orElseThrow().text());
  }

  private static InternalRow textOrError(Answer answer) {
    return new GenericInternalRow(
        new Object[] {
          answer.outcome().map(found -> UTF8String.fromString(found.text())).orElse(null),
          answer.defect().map(found -> UTF8String.fromString(found.code().name())).orElse(null),
          answer
              .defect()
              .map(found -> UTF8String.fromString(SqlWords.of(found.message())))
              .orElse(null)
        });
  }
}
