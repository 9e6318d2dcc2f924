package dev.questspark.engine.schedule;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * Who waits, who is admitted, who runs, and the pages promised to each. Every way in (admit, start)
 * promises pages, every way out (end, preempt, evict, drop) gives back what was promised and held.
 */
final class RunQueue {
  private final SchedulerLimits limits;
  private final PageReservations reservations;
  private final List<PageReservations> prefixes;

  /** Documents without pages, the first to be admitted first. */
  final ArrayDeque<DocumentProgress> queue = new ArrayDeque<>();

  /** Documents with pages or promises, in order of admission. */
  final List<DocumentProgress> admitted = new ArrayList<>();

  /** Questions with pages, oldest start first. */
  final List<QuestionProgress> running = new ArrayList<>();

  private int slotsTaken;
  private int waitingQuestions;

  /**
   * @param prefixes the ledger of each prefix store
   */
  RunQueue(SchedulerLimits limits, PageReservations reservations, List<PageReservations> prefixes) {
    this.limits = limits;
    this.reservations = reservations;
    this.prefixes = prefixes;
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
    if (!reservations.reserve(document.ownPages() + document.scratchPages() + largest)) {
      return false;
    }
    if (document.prefix != null) {
      if (!prefixes.get(document.prefix.store()).reserve(document.prefix.pages())) {
        reservations.unreserve(document.ownPages() + document.scratchPages() + largest);
        return false;
      }
      document.prefixReserved = document.prefix.pages();
    }
    queue.removeFirst();
    admitted.add(document);
    document.reserved = document.ownPages() + document.scratchPages();
    document.largestNeed = largest;
    document.leaderReserve = largest;
    slotsTaken += document.ready() ? 0 : 1;
    return true;
  }

  /**
   * Starts a document's first waiting question, on the leader's reserve if it is there; changes
   * nothing when the pages it needs beyond them are not available.
   */
  boolean startFirst(DocumentProgress document) {
    QuestionProgress question = document.waiting.peekFirst();
    int need = need(question);
    int beyondReserve = Math.max(0, need - document.leaderReserve);
    if (!reservations.reserve(beyondReserve)) {
      return false;
    }
    document.waiting.removeFirst();
    waitingQuestions--;
    running.add(question);
    document.running++;
    slotsTaken++;
    question.start(need, document.leaderReserve + beyondReserve);
    if (document.leaderReserve > 0) {
      document.leader = question;
      document.leaderReserve = 0;
    }
    return true;
  }

  /**
   * Once no question waits, no reserve has to come back: the leader keeps only what it needs
   * itself. To be called after a question has started and taken its first pages.
   */
  void dismissLeader(DocumentProgress document) {
    QuestionProgress leader = document.leader;
    if (leader != null && document.waiting.isEmpty()) {
      int excess = Math.max(0, leader.reserved - Math.max(0, leader.need - leader.privatePages()));
      reservations.unreserve(excess);
      leader.reserved -= excess;
      document.leader = null;
    }
  }

  /** A running question's end; the caller removes it from {@link #running}. */
  void end(QuestionProgress question) {
    DocumentProgress document = question.document;
    boolean wasLeader = document.leader == question;
    release(question);
    question.ended = true;
    if (document.ended()) {
      drop(document);
    } else if (wasLeader) {
      reserveForLeaderAgain(document);
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
    slotsTaken--;
  }

  /** A document without running questions loses its pages and is the next to be admitted. */
  void evict(DocumentProgress document) {
    slotsTaken -= document.ready() ? 0 : 1;
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

  /** Takes back the leader's reserve of the youngest document that has one. */
  boolean takeBackLeaderReserve() {
    for (int i = admitted.size() - 1; i >= 0; i--) {
      DocumentProgress document = admitted.get(i);
      if (document.leaderReserve > 0) {
        reservations.unreserve(document.leaderReserve);
        document.leaderReserve = 0;
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
  void recountSlots() {
    slotsTaken = running.size();
    for (DocumentProgress document : admitted) {
      slotsTaken += document.ready() ? 0 : 1;
    }
  }

  boolean hasFreeSlot() {
    return slotsTaken < limits.maxNumSeqs();
  }

  int slotsTaken() {
    return slotsTaken;
  }

  /** Pages of a prefix store promised and not yet taken. */
  int promisedPrefixPages(int store) {
    return prefixes.get(store).promised();
  }

  /** Pages promised and not yet taken. */
  int promisedPages() {
    return reservations.promised();
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

  /** Succeeds since the leader held or was promised no less. */
  private void reserveForLeaderAgain(DocumentProgress document) {
    if (!reservations.reserve(document.largestNeed)) {
      throw new IllegalStateException(
          "document "
              + document.id
              + " cannot reserve "
              + document.largestNeed
              + " pages for its next leader: "
              + reservations.available()
              + " are available");
    }
    document.leaderReserve = document.largestNeed;
  }

  private void release(QuestionProgress question) {
    reservations.release(question.pages);
    reservations.unreserve(question.reserved);
    question.reserved = 0;
    DocumentProgress document = question.document;
    document.running--;
    if (document.leader == question) {
      document.leader = null;
    }
  }

  private void releasePages(DocumentProgress document) {
    reservations.release(document.pages);
    reservations.unreserve(document.reserved + document.leaderReserve);
    document.reserved = 0;
    document.leaderReserve = 0;
    if (document.prefix != null) {
      PageReservations prefix = prefixes.get(document.prefix.store());
      prefix.release(document.prefixPages);
      prefix.unreserve(document.prefixReserved);
      document.prefixReserved = 0;
      document.compressed = false;
    }
  }
}
