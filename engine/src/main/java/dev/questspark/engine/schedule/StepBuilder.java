package dev.questspark.engine.schedule;

import dev.questspark.engine.pages.PageTable;
import java.util.ArrayList;
import java.util.List;

/** The step being planned: its spans and copies, and the rows that are left. */
final class StepBuilder {
  private final List<Span> spans = new ArrayList<>();
  private final List<PageCopy> copies = new ArrayList<>();
  private final List<Compression> compressions = new ArrayList<>();

  /** Questions whose spans sample, in span order. */
  final List<QuestionProgress> sampling = new ArrayList<>();

  int rowsLeft;

  StepBuilder(int rows) {
    rowsLeft = rows;
  }

  /**
   * The next rows of a document, as many as are left: whole segments, or all up to its end.
   *
   * @return false if not one segment is left
   */
  boolean prefill(DocumentProgress document, PageReservations reservations) {
    int first = document.computed;
    int rows = document.tokens - first;
    if (rows > rowsLeft) {
      rows = rowsLeft / document.segmentTokens * document.segmentTokens;
    }
    if (rows == 0) {
      return false;
    }
    while (!document.pages.holds(first + rows - 1)) {
      reservations.take(document.pages);
      document.reserved--;
    }
    document.computed += rows;
    rowsLeft -= rows;
    int[] pages = document.pages.snapshot();
    spans.add(
        new Span(document.id, SpanKind.PREFILL, first, rows, pages, false, 0, document.evictions));
    return true;
  }

  /** Moves a document's prefix to its store; the live pages of its other tokens stay. */
  void compress(
      DocumentProgress document, PageReservations reservations, PageReservations prefixes) {
    while (document.prefixReserved > 0) {
      prefixes.take(document.prefixPages);
      document.prefixReserved--;
    }
    int[] live = document.pages.snapshot();
    PageTable scratch = new PageTable(1);
    for (; document.reserved > 0; document.reserved--) {
      reservations.take(scratch);
    }
    compressions.add(
        new Compression(document.id, live, scratch.snapshot(), document.prefixPages.snapshot()));
    // Whoever gets these pages next uses them after the compression has.
    reservations.release(scratch);
    reservations.releaseFirst(document.pages, document.movedPages());
    document.compressed = true;
  }

  /** The page table of a question that starts: shared full pages, a copy of the partial one. */
  void fork(QuestionProgress question, PageReservations reservations) {
    DocumentProgress document = question.document;
    reservations.share(document.pages, document.fullPages(), question.pages);
    if (document.hasPartialPage()) {
      int copy = reservations.take(question.pages);
      question.reserved--;
      copies.add(new PageCopy(document.pages.pageAt(document.fullPages()), copy));
    }
  }

  /** The next rows of a question (on a replay, of its answer too), as many as are left. */
  void question(QuestionProgress question, PageReservations reservations) {
    int rows = Math.min(rowsLeft, question.promptRows - question.computed);
    add(question, SpanKind.QUESTION, rows, reservations);
  }

  /** One more token of an answer. */
  void decode(QuestionProgress question, PageReservations reservations) {
    add(question, SpanKind.DECODE, 1, reservations);
  }

  private void add(
      QuestionProgress question, SpanKind kind, int rows, PageReservations reservations) {
    int first = question.nextPosition();
    while (!question.pages.holds(question.nextSlot() + rows - 1)) {
      reservations.take(question.pages);
      question.reserved--;
    }
    question.computed += rows;
    rowsLeft -= rows;
    boolean samples = question.decoding();
    if (samples) {
      sampling.add(question);
    }
    spans.add(
        new Span(
            question.id,
            kind,
            first,
            rows,
            question.pages.snapshot(),
            samples,
            question.cachedTokens,
            question.preemptions));
  }

  boolean isEmpty() {
    return spans.isEmpty();
  }

  Step build() {
    return new Step(spans, compressions, copies);
  }
}
