package dev.questspark.job.sql;

import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.answer.Answer;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.corpus.Document;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.infer.EngineStream.Asked;
import dev.questspark.job.input.Utf8;
import dev.questspark.job.partition.PlannedDocument;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeRow;
import org.apache.spark.sql.catalyst.util.ArrayData;
import org.apache.spark.sql.catalyst.util.GenericArrayData;
import org.apache.spark.unsafe.types.UTF8String;

/**
 * Rows that follow each other and ask of the same texts, as an exploded array of questions leaves
 * them: one request, so that each text is prefilled once. Equal questions on a text are asked once.
 */
final class AskedRows {
  /** Rows of one request, and the bytes that their copies may take; more rows are a new request. */
  private static final int MAX_ROWS = 256;

  private static final long MAX_BYTES = 64L << 20;

  private final CallPlan plan;
  private final List<InternalRow> rows = new ArrayList<>();

  /** Per document of the plan; null while no row has asked of it. */
  private final UTF8String[] texts;

  /** Per document its distinct questions; the key of a call without one is null. */
  private final List<Map<String, Question>> questions = new ArrayList<>();

  /** Per row and call: null, one question's text in a box, or those of an array. */
  private final List<Object[]> asked = new ArrayList<>();

  private long bytes;

  /** A question's text, which is null for a call without one. */
  private record One(String question) {}

  /** The elements' texts, null where the element is. */
  private record Many(String[] questions) {}

  AskedRows(CallPlan plan) {
    this.plan = plan;
    this.texts = new UTF8String[plan.documents().size()];
    plan.documents().forEach(document -> questions.add(new LinkedHashMap<>()));
  }

  /**
   * Takes a row in if its texts are those of the rows before.
   *
   * @param row is copied
   * @param inputs the plan's inputs of the row
   */
  boolean add(InternalRow row, InternalRow inputs) {
    Object[] values = new Object[plan.calls()];
    UTF8String[] own = new UTF8String[texts.length];
    for (int i = 0; i < texts.length; i++) {
      CallPlan.Asked document = plan.documents().get(i);
      boolean any = false;
      for (CallPlan.Call call : document.calls()) {
        values[call.number()] = inputs.isNullAt(document.text()) ? null : asked(call, inputs);
        any |= asksSomething(values[call.number()]);
      }
      if (any) {
        own[i] = inputs.getUTF8String(document.text());
        if (!rows.isEmpty() && texts[i] != null && !texts[i].equals(own[i])) {
          return false;
        }
      }
    }
    if (rows.size() == MAX_ROWS || bytes > MAX_BYTES) {
      return false;
    }
    for (int i = 0; i < texts.length; i++) {
      if (own[i] != null) {
        texts[i] = texts[i] == null ? own[i].copy() : texts[i];
        note(plan.documents().get(i), values, questions.get(i));
      }
    }
    InternalRow copy = row.copy();
    rows.add(copy);
    bytes += copy instanceof UnsafeRow unsafe ? unsafe.getSizeInBytes() : 0;
    asked.add(values);
    return true;
  }

  private static Object asked(CallPlan.Call call, InternalRow inputs) {
    if (call.condition() != CallPlan.NONE && !inputs.getBoolean(call.condition())) {
      return null;
    }
    if (call.question() == CallPlan.NONE) {
      return new One(null);
    }
    if (inputs.isNullAt(call.question())) {
      return null;
    }
    if (!call.many()) {
      return new One(inputs.getUTF8String(call.question()).toString());
    }
    ArrayData elements = inputs.getArray(call.question());
    String[] all = new String[elements.numElements()];
    for (int i = 0; i < all.length; i++) {
      all[i] = elements.isNullAt(i) ? null : elements.getUTF8String(i).toString();
    }
    return new Many(all);
  }

  private static boolean asksSomething(Object value) {
    return value instanceof One
        || value instanceof Many many && Arrays.stream(many.questions).anyMatch(Objects::nonNull);
  }

  private static void note(
      CallPlan.Asked document, Object[] values, Map<String, Question> questions) {
    for (CallPlan.Call call : document.calls()) {
      if (values[call.number()] instanceof One one) {
        questions.computeIfAbsent(one.question, AskedRows::question);
      } else if (values[call.number()] instanceof Many many) {
        for (String question : many.questions) {
          if (question != null) {
            questions.computeIfAbsent(question, AskedRows::question);
          }
        }
      }
    }
  }

  /** All have one number, because what is drawn for an answer must not depend on the others. */
  private static Question question(String text) {
    return new Question(0, text, null);
  }

  /** What the engine is asked. */
  Asked<AskedRows> request() {
    List<Optional<PlannedDocument>> documents = new ArrayList<>();
    for (int i = 0; i < texts.length; i++) {
      documents.add(
          texts[i] == null
              ? Optional.empty()
              : Optional.of(
                  PlannedDocument.whole(
                      document(texts[i], List.copyOf(questions.get(i).values())))));
    }
    return new Asked<>(this, documents);
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

  List<InternalRow> rows() {
    return rows;
  }

  /**
   * The calls' values of each row.
   *
   * @param answers of each document, in any order
   * @param value of an answer for a call
   */
  List<InternalRow> values(
      List<List<Answer>> answers, BiFunction<CallPlan.Call, Answer, Object> value) {
    List<Map<String, Answer>> byQuestion = new ArrayList<>();
    for (List<Answer> ofDocument : answers) {
      Map<String, Answer> known = new HashMap<>();
      ofDocument.forEach(answer -> known.put(answer.question().text(), answer));
      byQuestion.add(known);
    }
    List<InternalRow> results = new ArrayList<>();
    for (Object[] ofRow : asked) {
      Object[] values = new Object[plan.calls()];
      for (int i = 0; i < texts.length; i++) {
        Map<String, Answer> known = byQuestion.get(i);
        for (CallPlan.Call call : plan.documents().get(i).calls()) {
          values[call.number()] =
              value(ofRow[call.number()], question -> value.apply(call, known.get(question)));
        }
      }
      results.add(new GenericInternalRow(values));
    }
    return results;
  }

  private static Object value(Object asked, Function<String, Object> answer) {
    if (asked instanceof One one) {
      return answer.apply(one.question);
    }
    if (asked instanceof Many many) {
      Object[] elements = new Object[many.questions.length];
      for (int i = 0; i < elements.length; i++) {
        elements[i] = many.questions[i] == null ? null : answer.apply(many.questions[i]);
      }
      return new GenericArrayData(elements);
    }
    return null;
  }
}
