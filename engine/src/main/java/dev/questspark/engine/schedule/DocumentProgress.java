package dev.questspark.engine.schedule;

import dev.questspark.engine.pages.PageTable;
import java.util.ArrayDeque;
import java.util.List;

/** One document in the scheduler: how far it is prefilled, its pages, its questions. */
final class DocumentProgress {
  final long id;
  final int tokens;
  final int segmentTokens;
  final List<QuestionWork> questions;
  final PageTable pages;

  /** Questions that do not run, in the order in which they will. */
  final ArrayDeque<QuestionProgress> waiting = new ArrayDeque<>();

  /** Questions that run. */
  int running;

  /** Document tokens in the cache; the document is ready for questions when all are. */
  int computed;

  /** Pages promised to the document's own tokens and not yet taken. */
  int reserved;

  /** The private pages that its most demanding question needs: what an admission promises. */
  int largestNeed;

  /** Pages promised to whichever question starts next; 0 while {@link #leader} runs on them. */
  int leaderReserve;

  /** The running question that took the reserve, or null. */
  QuestionProgress leader;

  /** Whether any question has ever started: the first one paid for the prefill. */
  boolean paidFor;

  int evictions;

  DocumentProgress(DocumentWork work, int pageSize) {
    id = work.id();
    tokens = work.tokens();
    segmentTokens = work.segmentTokens();
    questions = work.questions();
    pages = new PageTable(pageSize);
    for (QuestionWork question : questions) {
      waiting.add(new QuestionProgress(this, question, pageSize));
    }
  }

  boolean ready() {
    return computed == tokens;
  }

  boolean ended() {
    return running == 0 && waiting.isEmpty();
  }

  /** Pages that every question shares: those that the document fills to the last slot. */
  int fullPages() {
    return tokens / pages.pageSize();
  }

  /** Whether its last page is partly filled, so that every question writes into a copy of it. */
  boolean hasPartialPage() {
    return tokens % pages.pageSize() != 0;
  }

  int ownPages() {
    return fullPages() + (hasPartialPage() ? 1 : 0);
  }
}
