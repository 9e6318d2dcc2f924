package dev.questspark.engine.schedule;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * Who waits, who is admitted, who runs, and the pages promised to each. Every way in (admit, start)
 * promises pages, every way out (end, preempt, evict, drop) gives back what was promised and held.
 */
final class Roster {
  private final SchedulerLimits limits;
  private final PageLedger ledger;

  /** Documents without pages, the first to be admitted first. */
  final ArrayDeque<DocumentProgress> queue = new ArrayDeque<>();

  /** Documents with pages or promises, in order of admission. */
  final List<DocumentProgress> admitted = new ArrayList<>();

  /** Questions with pages, oldest start first. */
  final List<QuestionProgress> running = new ArrayList<>();

  private int seatsTaken;
  private int waitingQuestions;

  Roster(SchedulerLimits limits, PageLedger ledger) {
    this.limits = limits;
    this.ledger = ledger;
  }

  void enqueue(DocumentProgress document) {
    queue.add(document);
    waitingQuestions += document.waiting.size();
  }

  /** Admits the first queued document, or changes nothing when its promise is not available. */
  boolean admitFirst() {
    DocumentProgress document = queue.peekFirst();
    int largest = 0;
    for (QuestionProgress question : document.waiting) {
      largest = Math.max(largest, need(question));
    }
    if (!ledger.reserve(document.ownPages() + largest)) {
      return false;
    }
    queue.removeFirst();
    admitted.add(document);
    document.reserved = document.ownPages();
    document.largestNeed = largest;
    document.setAside = largest;
    seatsTaken += document.ready() ? 0 : 1;
    return true;
  }

  /**
   * Starts a document's first waiting question, on the pages set aside if they are there; changes
   * nothing when the pages it needs beyond them are not available.
   */
  boolean startFirst(DocumentProgress document) {
    QuestionProgress question = document.waiting.peekFirst();
    int need = need(question);
    int beyondSetAside = Math.max(0, need - document.setAside);
    if (!ledger.reserve(beyondSetAside)) {
      return false;
    }
    document.waiting.removeFirst();
    waitingQuestions--;
    running.add(question);
    document.running++;
    seatsTaken++;
    question.start(need, document.setAside + beyondSetAside);
    if (document.setAside > 0) {
      document.lead = question;
      document.setAside = 0;
    }
    return true;
  }

  /**
   * Once no question waits, there is nobody to lead for: the lead keeps only what it needs itself.
   * To be called after a question has started and taken its first pages.
   */
  void dismissLead(DocumentProgress document) {
    QuestionProgress lead = document.lead;
    if (lead != null && document.waiting.isEmpty()) {
      int excess = Math.max(0, lead.reserved - Math.max(0, lead.need - lead.privatePages()));
      ledger.unreserve(excess);
      lead.reserved -= excess;
      document.lead = null;
    }
  }

  /** A running question's end; the caller removes it from {@link #running}. */
  void end(QuestionProgress question) {
    DocumentProgress document = question.document;
    boolean wasLead = document.lead == question;
    release(question);
    question.ended = true;
    if (document.ended()) {
      drop(document);
    } else if (wasLead) {
      setAsideAgain(document);
    }
  }

  /** The youngest running question loses its pages and waits as its document's next. */
  void preemptYoungest() {
    QuestionProgress question = running.remove(running.size() - 1);
    release(question);
    question.computed = 0;
    question.preemptions++;
    question.document.waiting.addFirst(question);
    waitingQuestions++;
    seatsTaken--;
  }

  /** A document without running questions loses its pages and is the next to be admitted. */
  void evict(DocumentProgress document) {
    seatsTaken -= document.ready() ? 0 : 1;
    releasePages(document);
    document.computed = 0;
    document.evictions++;
    admitted.remove(document);
    queue.addFirst(document);
  }

  /**
   * The youngest admitted document without running questions other than {@code spared}, or null.
   */
  DocumentProgress youngestEvictable(DocumentProgress spared) {
    for (int i = admitted.size() - 1; i >= 0; i--) {
      DocumentProgress document = admitted.get(i);
      if (document != spared && document.running == 0) {
        return document;
      }
    }
    return null;
  }

  /** Takes back the set-aside pages of the youngest document that has some. */
  boolean takeBackSetAside() {
    for (int i = admitted.size() - 1; i >= 0; i--) {
      DocumentProgress document = admitted.get(i);
      if (document.setAside > 0) {
        ledger.unreserve(document.setAside);
        document.setAside = 0;
        return true;
      }
    }
    return false;
  }

  /** A document leaves for good, with whatever of its questions is still there. */
  void drop(DocumentProgress document) {
    if (document.running > 0) {
      for (QuestionProgress question : running) {
        if (question.document == document && !question.ended) {
          release(question);
          question.ended = true;
        }
      }
      running.removeIf(question -> question.ended);
    }
    waitingQuestions -= document.waiting.size();
    if (admitted.remove(document)) {
      releasePages(document);
    } else {
      queue.remove(document);
    }
  }

  /** Recounts sequences in flight: a document counts until its last row has been computed. */
  void recountSeats() {
    seatsTaken = running.size();
    for (DocumentProgress document : admitted) {
      seatsTaken += document.ready() ? 0 : 1;
    }
  }

  boolean hasSeat() {
    return seatsTaken < limits.maxNumSeqs();
  }

  int seatsTaken() {
    return seatsTaken;
  }

  /** Pages promised and not yet taken. */
  int promisedPages() {
    return ledger.promised();
  }

  int waitingQuestions() {
    return waitingQuestions;
  }

  /** Private pages promised at a start: to the last token, or with overcommit for the prompt. */
  private int need(QuestionProgress question) {
    return Math.toIntExact(
        limits.overcommit()
            ? question.privatePagesFor((long) question.tokens + question.generated)
            : question.largestPrivatePages());
  }

  /** Succeeds since the lead held or was promised no less. */
  private void setAsideAgain(DocumentProgress document) {
    if (!ledger.reserve(document.largestNeed)) {
      throw new IllegalStateException(
          "document "
              + document.id
              + " cannot set aside "
              + document.largestNeed
              + " pages again: "
              + ledger.available()
              + " are available");
    }
    document.setAside = document.largestNeed;
  }

  private void release(QuestionProgress question) {
    ledger.release(question.pages);
    ledger.unreserve(question.reserved);
    question.reserved = 0;
    DocumentProgress document = question.document;
    document.running--;
    if (document.lead == question) {
      document.lead = null;
    }
  }

  private void releasePages(DocumentProgress document) {
    ledger.release(document.pages);
    ledger.unreserve(document.reserved + document.setAside);
    document.reserved = 0;
    document.setAside = 0;
  }
}
