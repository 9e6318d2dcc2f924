package dev.questspark.engine.schedule;

import dev.questspark.engine.pages.PagePool;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Plans one step after another over the documents submitted: continuous batching with chunked
 * prefill. A document is prefilled once and its pages are shared by all its questions, until the
 * last of them has ended.
 *
 * <p><b>Order.</b> Every step first gives each decoding question its one row, oldest first; then
 * rows to questions that have started and not yet decoded; then, in order of submission, rows to
 * documents being prefilled and a start to questions of prefilled ones; then admits documents. A
 * long document is thereby cut into chunks that fill what decoding leaves free; where it has
 * segments, into as many whole ones. No document is admitted while a question of an admitted one
 * waits, or a document that no segment was left for. A step must hold a segment beside a row for
 * every other sequence, so that a document gets one as soon as no question has rows to compute.
 *
 * <p><b>Two ledgers.</b> A document whose prefix moves to a store is promised the pages there with
 * its live ones, both or neither, and always in full. It takes them all in the step after its last
 * row, and gives back the live pages that it leaves; so no promise grows after an admission, and
 * what follows holds for the live pages alone.
 *
 * <p><b>Nothing runs out (without overcommit).</b> An admission promises the document's pages and
 * reserves the private pages of its most demanding question, to that question's last token. Any
 * question of the document may start on that reserve (it becomes the leader) and gives it back when
 * it ends; others start only if their whole need is available. Promises never exceed the pool, a
 * running question draws only on its own promise, so none waits for a page; and an admitted
 * document without a running question has its reserve, so one can start as soon as a sequence ends.
 * So every running question ends, every admitted document ends, and the first waiting document,
 * which alone fits (else it was refused), is admitted at the latest when all before it have ended.
 *
 * <p><b>Overcommit.</b> Promises cover prompts only. When an answer needs a page and none is
 * available, reserves are taken, then the youngest running question is preempted (it may be the one
 * that asked), and for the oldest running question, when it is the only one, documents without
 * running questions are evicted, youngest first. When nothing runs and the questions that wait find
 * no room, the youngest document is evicted until one can start. So some question always runs or
 * comes to run, and the oldest running one always ends: it is never preempted, it and its document
 * fit alone, and it has a row in every step once it decodes. Before that it stands first behind the
 * decoding questions, whose number can only fall while it gets no row. Questions are finite, so all
 * end.
 *
 * <p>{@link #next} and {@link #complete} alternate. Not thread-safe.
 */
public final class Scheduler {
  private final SchedulerLimits limits;
  private final PageReservations reservations;
  private final List<PageReservations> prefixes;
  private final RunQueue runQueue;
  private final Map<Long, DocumentProgress> documents = new HashMap<>();
  private final Set<Long> ids = new HashSet<>();
  private List<QuestionProgress> sampling = List.of();
  private boolean stepInFlight;

  /** A scheduler over all pages of {@code pool}, which nobody else may use. */
  public Scheduler(SchedulerLimits limits, PagePool pool) {
    this(limits, pool, List.of());
  }

  /**
   * A scheduler with prefix stores beside the live pages.
   *
   * @param prefixPools pages of each store, which nobody else may use
   */
  public Scheduler(SchedulerLimits limits, PagePool pool, List<PagePool> prefixPools) {
    this.limits = limits;
    this.reservations = new PageReservations(pool);
    this.prefixes = prefixPools.stream().map(PageReservations::new).toList();
    this.runQueue = new RunQueue(limits, reservations, prefixes);
  }

  /**
   * Queues a document with its questions, or refuses it when it would not fit into the empty pool.
   *
   * @throws IllegalArgumentException if one of its ids is in use
   */
  public Submission submit(DocumentWork work) {
    DocumentProgress document = new DocumentProgress(work, limits.pageSize());
    long need = 0;
    for (QuestionProgress question : document.waiting) {
      need = Math.max(need, question.largestPrivatePages());
    }
    need += document.ownPages() + document.scratchPages();
    if (need > reservations.total()) {
      return new Submission.Refused(need, reservations.total());
    }
    if (work.prefix().isPresent()) {
      PrefixWork prefix = work.prefix().get();
      int total = prefixes.get(prefix.store()).total();
      if (prefix.pages() > total) {
        return new Submission.PrefixRefused(prefix.pages(), total);
      }
    }
    claimIds(work);
    documents.put(document.id, document);
    runQueue.enqueue(document);
    return new Submission.Accepted();
  }

  /**
   * The next step, or empty when there is nothing to run.
   *
   * @throws IllegalStateException if the step before was not completed
   */
  public Optional<Step> next() {
    if (stepInFlight) {
      throw new IllegalStateException("the step before has not been completed");
    }
    if (documents.isEmpty()) {
      return Optional.empty();
    }
    StepBuilder step = new StepBuilder(limits.maxNumBatchedTokens());
    decodeRows(step);
    questionRows(step);
    documentRows(step);
    while (step.isEmpty()) {
      evictYoungestBut(runQueue.admitted.get(0));
      documentRows(step);
    }
    sampling = step.sampling;
    stepInFlight = true;
    return Optional.of(step.build());
  }

  /**
   * Takes in what the step sampled: questions named by the result end, and so do those whose {@code
   * maxTokens}-th token this was. An ended question's private pages are free at once, its
   * document's after the last question.
   *
   * @throws IllegalStateException if no step is in flight, or an id did not sample in it
   */
  public void complete(StepResult result) {
    if (!stepInFlight) {
      throw new IllegalStateException("no step is in flight");
    }
    for (long id : result.finished()) {
      sampled(id).finishedByCaller = true;
    }
    for (QuestionProgress question : sampling) {
      question.generated++;
      boolean full = question.generated == question.maxTokens;
      if (!question.ended && (question.finishedByCaller || full)) {
        runQueue.end(question);
        if (question.document.ended()) {
          forget(question.document);
        }
      }
    }
    runQueue.running.removeIf(question -> question.ended);
    runQueue.recountSlots();
    sampling = List.of();
    stepInFlight = false;
  }

  /**
   * Drops a document with all its questions and frees their pages. Allowed while a step is in
   * flight: no page is handed out again before the next one.
   *
   * @return whether there was such a document
   */
  public boolean cancel(long documentId) {
    DocumentProgress document = documents.get(documentId);
    if (document == null) {
      return false;
    }
    runQueue.drop(document);
    runQueue.recountSlots();
    forget(document);
    return true;
  }

  /** Whether nothing is queued or runs. */
  public boolean idle() {
    return documents.isEmpty();
  }

  /** Sequences in flight: documents being prefilled and running questions. */
  public int running() {
    return runQueue.slotsTaken();
  }

  /** Questions that have not started, or were preempted. */
  public int waiting() {
    return runQueue.waitingQuestions();
  }

  /** Pages held by documents and questions; promised pages do not count. */
  public int pagesUsed() {
    return reservations.used();
  }

  /** Pages of a prefix store held by documents; promised pages do not count. */
  public int prefixPagesUsed(int store) {
    return prefixes.get(store).used();
  }

  /** The live tables and promises, for the recount of the invariants. */
  RunQueue runQueue() {
    return runQueue;
  }

  private void decodeRows(StepBuilder step) {
    // By index: a question at the end of the list may be preempted on the way, before its turn.
    for (int i = 0; i < runQueue.running.size() && step.rowsLeft > 0; i++) {
      QuestionProgress question = runQueue.running.get(i);
      if (question.decoding() && hasPageForNextRow(question)) {
        step.decode(question, reservations);
      }
    }
  }

  private void questionRows(StepBuilder step) {
    for (int i = 0; i < runQueue.running.size() && step.rowsLeft > 0; i++) {
      QuestionProgress question = runQueue.running.get(i);
      if (!question.decoding()) {
        step.question(question, reservations);
      }
    }
  }

  private void documentRows(StepBuilder step) {
    boolean nobodyWaits = true;
    for (int i = 0; i < runQueue.admitted.size() && step.rowsLeft > 0; i++) {
      nobodyWaits &= serve(runQueue.admitted.get(i), step);
    }
    while (nobodyWaits
        && !runQueue.queue.isEmpty()
        && runQueue.hasFreeSlot()
        && step.rowsLeft > 0) {
      DocumentProgress next = runQueue.queue.peekFirst();
      nobodyWaits = runQueue.admitFirst() && serve(next, step);
    }
  }

  /**
   * Rows for a document, or a start for its questions once it is prefilled and its prefix has moved
   * to its store: not in the step of its last row, since they may copy the page which that row
   * fills.
   *
   * @return false if a question waits for pages, or the document for a step with a segment's rows
   */
  private boolean serve(DocumentProgress document, StepBuilder step) {
    if (!document.ready()) {
      return step.prefill(document, reservations);
    }
    if (document.compresses()) {
      step.compress(document, reservations, prefixes.get(document.prefix.store()));
    }
    while (!document.waiting.isEmpty() && runQueue.hasFreeSlot() && step.rowsLeft > 0) {
      QuestionProgress question = document.waiting.peekFirst();
      if (!runQueue.startFirst(document)) {
        return false;
      }
      step.fork(question, reservations);
      step.question(question, reservations);
      runQueue.dismissLeader(document);
    }
    return true;
  }

  /**
   * Whether a decoding question has, or now gets, the page for its next row; false if it was
   * preempted itself. Only with overcommit can it lack one.
   */
  private boolean hasPageForNextRow(QuestionProgress question) {
    if (question.reserved > 0 || question.pages.holds(question.nextSlot())) {
      return true;
    }
    while (!reservations.reserve(1)) {
      if (runQueue.takeBackLeaderReserve()) {
        continue;
      }
      if (runQueue.running.size() == 1) {
        evictYoungestBut(question.document);
        continue;
      }
      boolean itself = runQueue.running.get(runQueue.running.size() - 1) == question;
      runQueue.preemptYoungest();
      if (itself) {
        return false;
      }
    }
    question.reserved++;
    return true;
  }

  private void evictYoungestBut(DocumentProgress spared) {
    DocumentProgress youngest = runQueue.youngestEvictable(spared);
    if (youngest == null) {
      throw new IllegalStateException(
          "document "
              + spared.id
              + " is alone and finds no page: "
              + reservations.used()
              + " of "
              + reservations.total()
              + " pages are held");
    }
    runQueue.evict(youngest);
  }

  private void claimIds(DocumentWork work) {
    Set<Long> own = new HashSet<>();
    own.add(work.id());
    for (QuestionWork question : work.questions()) {
      if (!own.add(question.id())) {
        throw new IllegalArgumentException(
            "document " + work.id() + " has the id " + question.id() + " twice");
      }
    }
    for (long id : own) {
      if (ids.contains(id)) {
        throw new IllegalArgumentException("document " + work.id() + ": id " + id + " is in use");
      }
    }
    ids.addAll(own);
  }

  private void forget(DocumentProgress document) {
    documents.remove(document.id);
    ids.remove(document.id);
    for (QuestionWork question : document.questions) {
      ids.remove(question.id());
    }
  }

  private QuestionProgress sampled(long id) {
    for (QuestionProgress question : sampling) {
      if (question.id == id) {
        return question;
      }
    }
    throw new IllegalStateException(
        "question " + id + " did not sample in this step of " + sampling.size() + " samples");
  }
}
