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

  /** What moves to a prefix store, or null. */
  final PrefixWork prefix;

  /** Whether it has moved. */
  boolean compressed;

  /** Pages of the prefix store that it holds. */
  final PageTable prefixPages;

  /** Pages of the prefix store promised to it and not yet taken. */
  int prefixReserved;

  DocumentProgress(DocumentWork work, int pageSize) {
    id = work.id();
    tokens = work.tokens();
    segmentTokens = work.segmentTokens();
    questions = work.questions();
    if (work.prefix().map(prefix -> prefix.tokens() % pageSize != 0).orElse(false)) {
      throw new IllegalArgumentException(
          "document " + id + " in pages of " + pageSize + " has " + work.prefix().get());
    }
    prefix = work.prefix().orElse(null);
    pages = new PageTable(pageSize);
    prefixPages = new PageTable(1);
    for (QuestionWork question : questions) {
      waiting.add(new QuestionProgress(this, question, pageSize));
    }
  }

  /** Whether all rows are computed; what moves to a prefix store may still have to. */
  boolean ready() {
    return computed == tokens;
  }

  boolean compresses() {
    return prefix != null && !compressed;
  }

  /** Document tokens that questions do not find in live pages. */
  int prefixTokens() {
    return prefix == null ? 0 : prefix.tokens();
  }

  /** Document tokens in live pages while questions run. */
  int liveTokens() {
    return tokens - prefixTokens();
  }

  boolean ended() {
    return running == 0 && waiting.isEmpty();
  }

  /** Pages that every question shares: those that the document fills to the last slot. */
  int fullPages() {
    return liveTokens() / pages.pageSize();
  }

  /** Whether its last page is partly filled, so that every question writes into a copy of it. */
  boolean hasPartialPage() {
    return tokens % pages.pageSize() != 0;
  }

  /** Live pages of the whole document, which it has until its prefix moves. */
  int ownPages() {
    return (tokens + pages.pageSize() - 1) / pages.pageSize();
  }

  /** Live pages that it needs beside them while it moves. */
  int scratchPages() {
    return prefix == null ? 0 : prefix.scratchPages();
  }

  /** Live pages that its prefix leaves when it moves. */
  int movedPages() {
    return prefixTokens() / pages.pageSize();
  }
}
