package dev.questspark.engine;

import dev.questspark.engine.failure.DeviceException;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.engine.schedule.Compression;
import dev.questspark.engine.schedule.DocumentWork;
import dev.questspark.engine.schedule.PrefixWork;
import dev.questspark.engine.schedule.QuestionWork;
import dev.questspark.engine.schedule.Scheduler;
import dev.questspark.engine.schedule.Span;
import dev.questspark.engine.schedule.SpanKind;
import dev.questspark.engine.schedule.Step;
import dev.questspark.engine.schedule.StepResult;
import dev.questspark.engine.schedule.Submission;
import dev.questspark.engine.stats.Phase;
import dev.questspark.engine.stats.StepStats;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Consumer;

/**
 * The engine's one thread: takes submissions, asks the scheduler for a step, runs it, applies the
 * tokens. It alone touches the scheduler, the sequences and the device.
 */
final class EngineLoop implements Runnable {
  private final Scheduler scheduler;
  private final Readings readings;
  private final StepPlanner planner;
  private final StepRunner runner;
  private final EngineTotals totals;
  private final Consumer<StepStats> listener;
  private final LinkedBlockingQueue<Arrival> inbox = new LinkedBlockingQueue<>();
  private final Map<Long, Sequence> sequences = new HashMap<>();
  private final Map<Long, Sequence.Document> documents = new HashMap<>();
  private final long openedNanos = System.nanoTime();
  private long nextStep;
  private volatile boolean closed;
  private volatile Throwable broken;

  EngineLoop(
      Scheduler scheduler,
      Readings readings,
      StepPlanner planner,
      StepRunner runner,
      EngineTotals totals,
      Consumer<StepStats> listener) {
    this.scheduler = scheduler;
    this.readings = readings;
    this.planner = planner;
    this.runner = runner;
    this.totals = totals;
    this.listener = listener;
  }

  /**
   * A document and its sequences, on the way from a caller's thread. Without sequences it asks to
   * drop the document if all its sequences have been cancelled; without a document it only wakes
   * the loop.
   */
  record Arrival(Sequence.Document document, List<Sequence> sequences) {}

  void submit(Arrival arrival) {
    inbox.add(arrival);
    if (closed) { // the loop may have drained the inbox before this was added
      failInbox();
    }
  }

  /** The cause that ended the loop, or null. */
  Throwable broken() {
    return broken;
  }

  void close() {
    closed = true;
    inbox.add(new Arrival(null, List.of()));
  }

  @Override
  public void run() {
    try {
      while (!closed) {
        drainInbox();
        readings.ready().forEach(this::schedule);
        Optional<Step> step = scheduler.next();
        boolean nothing = step.isEmpty() && readings.idle();
        step.ifPresent(this::runStep);
        readStep(step.map(Step::rows).orElse(0));
        if (nothing && !closed) { // what close() adds to the inbox may have been drained already
          accept(inbox.take());
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException | Error e) { // a bug or a lost device: every caller must hear of it
      broken = e;
    } finally {
      closed = true;
      readings.unscheduled().forEach(this::fail);
      sequences.values().forEach(sequence -> sequence.future.completeExceptionally(ended()));
      failInbox();
    }
  }

  private RuntimeException ended() {
    if (broken instanceof DeviceException lost) {
      return lost;
    }
    return broken != null
        ? new IllegalStateException("the engine has failed: " + broken, broken)
        : new CancellationException("the engine was closed");
  }

  private void failInbox() {
    for (Arrival s = inbox.poll(); s != null; s = inbox.poll()) {
      fail(s);
    }
  }

  private void fail(Arrival arrival) {
    arrival.sequences().forEach(sequence -> sequence.future.completeExceptionally(ended()));
  }

  private void drainInbox() {
    for (Arrival s = inbox.poll(); s != null; s = inbox.poll()) {
      accept(s);
    }
  }

  private void accept(Arrival arrival) {
    if (arrival.sequences().isEmpty()) {
      dropIfAbandoned(arrival.document());
    } else {
      readings.add(arrival);
    }
  }

  /** Hands over a document whose tokens are chosen. */
  private void schedule(Arrival arrival) {
    List<Sequence> candidates = new ArrayList<>(arrival.sequences());
    runner.planPrefix(arrival.document());
    while (!candidates.isEmpty()) {
      Submission result = scheduler.submit(work(arrival.document(), candidates));
      if (result instanceof Submission.Refused refused) {
        // The largest question decides whether the document fits; the others may still be answered.
        Sequence largest =
            candidates.stream()
                .max(Comparator.comparingInt(EngineLoop::privateTokens))
                .orElseThrow();
        candidates.remove(largest);
        largest.future.completeExceptionally(tooLarge(largest, refused));
      } else if (result instanceof Submission.PrefixRefused refused) {
        candidates.forEach(
            sequence -> sequence.future.completeExceptionally(tooLarge(sequence, refused)));
        return;
      } else {
        documents.put(arrival.document().id, arrival.document());
        candidates.forEach(sequence -> sequences.put(sequence.id, sequence));
        return;
      }
    }
  }

  /** A caller that gave up (a killed task) must not keep pages busy. */
  private void dropIfAbandoned(Sequence.Document document) {
    readings.dropIfAbandoned(document);
    List<Sequence> left =
        sequences.values().stream()
            .filter(sequence -> sequence.document.request == document.request)
            .toList();
    if (!left.isEmpty() && left.stream().allMatch(sequence -> sequence.future.isDone())) {
      for (Sequence sequence : left) {
        scheduler.cancel(sequence.document.id);
        sequences.remove(sequence.id);
        documents.remove(sequence.document.id);
      }
    }
  }

  private static DocumentWork work(Sequence.Document document, List<Sequence> sequences) {
    return new DocumentWork(
        document.id,
        document.kept.tokens(),
        document.segmentTokens(),
        sequences.stream()
            .map(
                sequence ->
                    new QuestionWork(
                        sequence.id,
                        sequence.request.tokens().length,
                        sequence.request.sampling().maxTokens()))
            .toList(),
        document.prefix.map(
            plan ->
                new PrefixWork(plan.tokens(), plan.store(), plan.pages(), plan.scratchPages())));
  }

  private static int privateTokens(Sequence sequence) {
    return sequence.request.tokens().length + sequence.request.sampling().maxTokens();
  }

  private static DocumentException tooLarge(Sequence sequence, Submission.Refused refused) {
    return new DocumentException(
        ErrorCode.EXCEEDS_KV_CACHE,
        "document of "
            + sequence.document.request.tokens().length
            + (sequence.document.kept.leftOut() > 0
                ? " tokens, of which " + sequence.document.kept.tokens() + " are kept,"
                : " tokens")
            + " with a question of "
            + sequence.request.tokens().length
            + " and max_tokens "
            + sequence.request.sampling().maxTokens()
            + " needs "
            + refused.neededPages()
            + " KV pages, but the cache has "
            + refused.totalPages()
            + "; raise kv_cache_memory_bytes");
  }

  private static DocumentException tooLarge(Sequence sequence, Submission.PrefixRefused refused) {
    return new DocumentException(
        ErrorCode.EXCEEDS_KV_CACHE,
        "document of "
            + sequence.document.request.tokens().length
            + " tokens takes "
            + refused.neededPages()
            + " pages once cache_policy "
            + sequence.document.request.cachePolicy().text()
            + " has compressed it, but there are "
            + refused.totalPages()
            + "; raise kv_cache_memory_bytes");
  }

  /** A step of reading, with the rows that the scheduled step before it left. */
  private void readStep(int taken) {
    long start = System.nanoTime();
    int read = readings.step(taken);
    if (read > 0) {
      listener.accept(
          stats(
              new StepStats.Rows(read, 0, 0, 0),
              new StepStats.Attention(0, 0, 0),
              0,
              start,
              System.nanoTime() - start));
    }
  }

  private void runStep(Step step) {
    long start = System.nanoTime();
    for (Span span : step.spans()) {
      noteStart(span, start);
    }
    for (Compression compression : step.compressions()) {
      runner.compress(documents.get(compression.documentId()), compression);
    }
    if (!step.compressions().isEmpty()) {
      long now = System.nanoTime();
      totals.compressed(now - start);
      start = now;
    }
    StepPlan plan = planner.plan(step, sequences::get, documents::get, runner::prefixPages);
    StepRunner.Outcome outcome = runner.run(plan, step.copies());
    long sampledNanos = System.nanoTime(); // one clock reading for all tokens of a step
    List<Long> finished = new ArrayList<>();
    for (int i = 0; i < outcome.tokens().length; i++) {
      Sequence sequence = plan.samples().get(i);
      if (outcome.failures().containsKey(i)) {
        sequence.future.completeExceptionally(outcome.failures().get(i));
        finished.add(sequence.id);
      } else if (sequence.accept(outcome.tokens()[i], sampledNanos)) {
        finished.add(sequence.id);
      }
    }
    scheduler.complete(new StepResult(finished.stream().mapToLong(Long::longValue).toArray()));
    long nanos = System.nanoTime() - start;
    totals.step(plan, outcome.groupNanos(), nanos, scheduler.pagesUsed());
    listener.accept(stats(plan, outcome, start, nanos));
    finished.forEach(this::finish);
  }

  private void noteStart(Span span, long now) {
    Sequence.Document document =
        span.kind() == SpanKind.PREFILL
            ? documents.get(span.sequenceId())
            : sequences.get(span.sequenceId()).document;
    if (document.firstStepNanos == 0) {
      document.firstStepNanos = now;
    }
    if (span.kind() == SpanKind.PREFILL && span.firstPosition() == 0) {
      document.prefill = Completion.Prefill.NONE;
    }
    if (span.kind() == SpanKind.PREFILL
        && span.firstPosition() + span.tokens() == document.kept.tokens()) {
      totals.documentPrefilled();
    }
    if (span.kind() == SpanKind.QUESTION) {
      Sequence sequence = sequences.get(span.sequenceId());
      if (span.cachedTokens() > 0) {
        sequence.cachedTokens = document.request.tokens().length;
      }
      if (span.preemptions() > sequence.preemptions) {
        sequence.preemptions = span.preemptions();
        totals.preempted();
      }
    }
  }

  private void finish(long id) {
    Sequence sequence = sequences.remove(id);
    sequence.future.complete(
        sequence.completion(
            planner.pagesFor(sequence.contextTokens()), runner.storedBytes(sequence.document)));
    if (sequences.values().stream().noneMatch(other -> other.document == sequence.document)) {
      documents.remove(sequence.document.id);
    }
  }

  private StepStats stats(StepPlan plan, StepRunner.Outcome outcome, long start, long nanos) {
    long[] attention = new long[Phase.values().length];
    for (int g = 0; g < plan.groups().size(); g++) {
      attention[plan.groups().get(g).phase().ordinal()] += outcome.groupNanos()[g];
    }
    return stats(
        new StepStats.Rows(
            0, plan.rows(Phase.PREFILL), plan.rows(Phase.QUESTION), plan.rows(Phase.DECODE)),
        new StepStats.Attention(
            attention[Phase.PREFILL.ordinal()],
            attention[Phase.QUESTION.ordinal()],
            attention[Phase.DECODE.ordinal()]),
        outcome.bytesRead(),
        start,
        nanos);
  }

  private StepStats stats(
      StepStats.Rows rows, StepStats.Attention attention, long bytesRead, long start, long nanos) {
    return new StepStats(
        nextStep++,
        start - openedNanos,
        nanos,
        rows,
        attention,
        new StepStats.Load(scheduler.running(), scheduler.waiting(), scheduler.pagesUsed()),
        bytesRead);
  }
}
