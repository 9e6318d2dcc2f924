package dev.questspark.job.infer;

import dev.questspark.job.answer.Answer;
import dev.questspark.job.infer.EngineStream.Asked;
import dev.questspark.job.partition.PlannedDocument;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/**
 * Cuts a partition into batches: runs of whole documents, a new one after so many rows. Where the
 * cuts are follows from the documents alone, so every attempt makes the same batches. Documents of
 * equal content stay together. Reads one document ahead, and leaves out the batches that are
 * committed.
 */
final class AnswerBatches implements Iterator<Asked<AnswerBatches.Place>> {
  private final Iterator<PlannedDocument> documents;
  private final int rowsPerBatch;
  private final Committed committed;
  private final Kept kept;
  private PlannedDocument ahead;
  private Asked<Place> ready;
  private int batches;
  private final BooleanSupplier stops;
  private Batch current;
  private boolean leftOut;
  private long latestKey;
  private int batchDocuments;
  private int rows;

  /** Whether an earlier attempt has committed a batch. */
  @FunctionalInterface
  interface Committed {
    boolean has(int batch) throws IOException;
  }

  /** Told what is in a batch that is left out. */
  @FunctionalInterface
  interface Kept {
    void batch(int documents, int rows);
  }

  /** Answers of a run of documents, as far as they are there. */
  static final class Batch {
    private final int number;
    private final List<Long> keys = new ArrayList<>();
    private final List<Map<String, String>> kept = new ArrayList<>();
    private final List<List<Answer>> answers = new ArrayList<>();
    private boolean closed;
    private int answered;

    private Batch(int number) {
      this.number = number;
    }

    int number() {
      return number;
    }

    int documents() {
      return keys.size();
    }

    long key(int document) {
      return keys.get(document);
    }

    /** Columns of the input that go with a document's answers. */
    Map<String, String> kept(int document) {
      return kept.get(document);
    }

    List<Answer> answers(int document) {
      return answers.get(document);
    }
  }

  /** A document's place in its batch. */
  record Place(Batch batch, int document) {
    /** Takes the document's answers; whether they were the last that the batch waited for. */
    boolean complete(List<Answer> answers) {
      batch.answers.set(document, answers);
      batch.answered++;
      return batch.closed && batch.answered == batch.documents();
    }
  }

  /**
   * @param rowsPerBatch rows after which a batch ends; a document is never cut
   * @param kept told of each batch that is left out
   * @param stops from when on no document is asked any more
   */
  AnswerBatches(
      Iterator<PlannedDocument> documents,
      int rowsPerBatch,
      Committed committed,
      Kept kept,
      BooleanSupplier stops) {
    this.stops = stops;
    this.documents = documents;
    this.rowsPerBatch = rowsPerBatch;
    this.committed = committed;
    this.kept = kept;
    this.ahead = documents.hasNext() ? documents.next() : null;
  }

  @Override
  public boolean hasNext() {
    while (ready == null && ahead != null && !mayStop()) {
      PlannedDocument document = ahead;
      ahead = documents.hasNext() ? documents.next() : null;
      take(document);
    }
    return ready != null;
  }

  /** Between two documents of equal content there is no end: later runs take both for answered. */
  private boolean mayStop() {
    return (current == null || ahead.key() != latestKey) && stops.getAsBoolean();
  }

  /** Whether documents were left when the time was up. */
  boolean stopped() {
    return ready == null && ahead != null;
  }

  /**
   * What is answered of a batch that was cut short by the time; empty where none was. It takes the
   * batch's name, although it has fewer documents: this run asks no more of them.
   */
  Optional<Batch> cutShort() {
    return stopped() && current != null && !leftOut && current.documents() > 0
        ? Optional.of(current)
        : Optional.empty();
  }

  private void take(PlannedDocument document) {
    if (current == null) {
      current = new Batch(batches++);
      leftOut = has(current.number);
    }
    latestKey = document.key();
    batchDocuments++;
    rows += document.wantedRows();
    boolean last = ahead == null || rows >= rowsPerBatch && ahead.key() != document.key();
    if (!leftOut) {
      current.keys.add(document.key());
      current.kept.add(document.document().kept());
      current.answers.add(null);
      current.closed = last;
      ready =
          new Asked<>(new Place(current, current.documents() - 1), List.of(Optional.of(document)));
    } else if (last) {
      kept.batch(batchDocuments, rows);
    }
    if (last) {
      current = null;
      batchDocuments = 0;
      rows = 0;
    }
  }

  private boolean has(int batch) {
    try {
      return committed.has(batch);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  @Override
  public Asked<Place> next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    Asked<Place> next = ready;
    ready = null;
    return next;
  }
}
