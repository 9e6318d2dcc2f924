package dev.questspark.engine.schedule;

import dev.questspark.engine.pages.PageTable;

/** One question in the scheduler: its rows computed, tokens generated, pages and promises. */
final class QuestionProgress {
  final DocumentProgress document;
  final long id;
  final int tokens;
  final int maxTokens;
  final PageTable pages;

  /** Tokens sampled so far; survives a preemption. */
  int generated;

  /** Rows in the cache past the document's end. */
  int computed;

  /** Rows to compute before decoding (again): the question, and on a replay what it generated. */
  int promptRows;

  /** Pages promised to it and not yet taken. */
  int reserved;

  /** Private pages promised when it started. */
  int need;

  int cachedTokens;
  int preemptions;
  boolean ended;
  boolean finishedByCaller;

  QuestionProgress(DocumentProgress document, QuestionWork work, int pageSize) {
    this.document = document;
    id = work.id();
    tokens = work.tokens();
    maxTokens = work.maxTokens();
    pages = new PageTable(pageSize);
  }

  /**
   * Begins, or begins again after a preemption, on {@code promised} pages of which it needs some.
   */
  void start(int needPages, int promised) {
    need = needPages;
    reserved = promised;
    promptRows = tokens + generated;
    if (preemptions == 0) {
      cachedTokens = document.paidFor ? document.tokens : 0;
      document.paidFor = true;
    }
  }

  boolean decoding() {
    return computed >= promptRows;
  }

  /** Position of the next row. */
  int nextPosition() {
    return document.tokens + computed;
  }

  /** Where the next row stands in the question's live pages. */
  int nextSlot() {
    return document.liveTokens() + computed;
  }

  int privatePages() {
    return pages.pages() - document.fullPages();
  }

  /** Private pages for the first {@code rows} rows past the document, the partial copy included. */
  long privatePagesFor(long rows) {
    int pageSize = pages.pageSize();
    return (document.liveTokens() + rows + pageSize - 1) / pageSize - document.fullPages();
  }

  /** Private pages to its very end; the last token sampled is never appended. */
  long largestPrivatePages() {
    return privatePagesFor((long) tokens + maxTokens - 1);
  }
}
