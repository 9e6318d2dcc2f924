package dev.questspark.job.infer;

import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.answer.Answer;
import dev.questspark.job.executor.Admission;
import dev.questspark.job.executor.EngineReports;
import dev.questspark.job.executor.ExecutorEngine;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.executor.TaskEngine;
import dev.questspark.job.partition.PlannedDocument;
import dev.questspark.job.prompt.PromptTokenizer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Consumer;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;

/**
 * One task's documents through the executor's engine: a bounded number in flight, so that one task
 * alone fills the batch. Lazy: it reads no further ahead than the engine needs, opens no engine
 * before the first document, and gives up what is in flight when the task ends early.
 *
 * @param <T> what the caller wants back with its answers
 */
public final class EngineStream<T> implements Iterator<EngineStream.Answered<T>> {
  private static final long LOOK_AROUND_MILLIS = 200;

  /** Requests held in order, in multiples of those in flight: room behind a slow first one. */
  private static final int READ_AHEAD = 4;

  /**
   * @param documents one per {@link InferSettings} of the task, empty where there is nothing to ask
   */
  public record Asked<T>(T context, List<Optional<PlannedDocument>> documents) {
    /** Of the first document's record; 0 without any. */
    private long key() {
      return documents.stream()
          .flatMap(Optional::stream)
          .mapToLong(PlannedDocument::key)
          .findFirst()
          .orElse(0);
    }

    /** Whether there is nothing for an engine to do. */
    private boolean defective() {
      return documents.stream()
          .flatMap(Optional::stream)
          .allMatch(document -> document.document().defect().isPresent());
    }

    /** The same, every document with a defect of its own. */
    private Asked<T> quarantined() {
      return new Asked<>(
          context,
          documents.stream()
              .map(document -> document.map(sound -> sound.withDefect(ErrorCode.POISON_DOCUMENT)))
              .toList());
    }
  }

  /**
   * @param answers of each document, in the order of its rows
   */
  public record Answered<T>(T context, List<List<Answer>> answers) {}

  /** A request on its way; touched by the task's thread alone. */
  private static final class Pending<T> {
    final T context;
    final long key;

    /** Whether the engine works on it, so that it has to leave. */
    final boolean admitted;

    final List<Answer[]> answers = new ArrayList<>();
    int missing;

    Pending(Asked<T> asked, boolean admitted) {
      this.context = asked.context();
      this.key = asked.key();
      this.admitted = admitted;
    }

    Answered<T> answered() {
      return new Answered<>(context, answers.stream().map(Arrays::asList).toList());
    }
  }

  private final TaskContext task = TaskContext.get();
  private final Iterator<Asked<T>> requests;
  private final List<InferSettings> settings;
  private final EngineReports reports;
  private final Consumer<Answer> counted;
  private final boolean inOrder;
  private final int maxInFlight;
  private final int maxHeld;
  private final CallbackQueue callbacks = new CallbackQueue();
  private final List<DocumentSession> sessions = new ArrayList<>();

  /** In order: what has been asked and waits for its turn. */
  private final Deque<Pending<T>> waiting = new ArrayDeque<>();

  private final Deque<Pending<T>> ready = new ArrayDeque<>();

  private final Admission admission;

  /** The next request, which waits to be let in; null without one. */
  private Asked<T> next;

  /** Whether it must go in alone. */
  private boolean suspect;

  private int inFlight;
  private int held;
  private Throwable failure;

  private EngineStream(
      Iterator<Asked<T>> requests,
      List<InferSettings> settings,
      EngineReports reports,
      Consumer<Answer> counted,
      Admission admission,
      boolean inOrder) {
    this.requests = requests;
    this.settings = List.copyOf(settings);
    this.reports = reports;
    this.counted = counted;
    this.inOrder = inOrder;
    this.admission = admission;
    TaskCompletionListener leave = ended -> admission.close();
    task.addTaskCompletionListener(leave);
    this.maxInFlight = settings.stream().mapToInt(InferSettings::maxInFlight).max().orElseThrow();
    this.maxHeld = inOrder ? READ_AHEAD * maxInFlight : maxInFlight;
  }

  /**
   * Documents as they are finished, their answers counted as they leave the engine.
   *
   * @param requests of one document each
   */
  public static <T> EngineStream<T> asFinished(
      InferSettings settings, RunCounters counters, Iterator<Asked<T>> requests) {
    return new EngineStream<>(
        requests,
        List.of(settings),
        counters.engines(),
        counters::count,
        Admission.recorded(),
        false);
  }

  /**
   * Answers in the order of the requests.
   *
   * @param settings of one engine; they may ask it differently
   * @param reports registered with Spark
   */
  public static <T> EngineStream<T> asAsked(
      List<InferSettings> settings, EngineReports reports, Iterator<Asked<T>> requests) {
    return new EngineStream<>(requests, settings, reports, answer -> {}, Admission.free(), true);
  }

  /**
   * @throws dev.questspark.engine.failure.ConfigException when the engine cannot open
   * @throws CompletionException of a failure that is not the document's
   */
  @Override
  public boolean hasNext() {
    runCallbacks(0);
    while (true) {
      while (inFlight < maxInFlight && held < maxHeld && letIn()) {
        continue;
      }
      if (!ready.isEmpty() || held == 0 && next == null) {
        return held > 0;
      }
      runCallbacks(LOOK_AROUND_MILLIS);
      task.killTaskIfInterrupted();
    }
  }

  @Override
  public Answered<T> next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    held--;
    return ready.remove().answered();
  }

  /** Submits the next request if it may go in now. */
  private boolean letIn() {
    if (next == null) {
      if (!requests.hasNext()) {
        return false;
      }
      next = requests.next();
      suspect = false;
    }
    Asked<T> asked = next;
    if (asked.defective()) {
      next = null;
      submit(asked, false);
      return true;
    }
    switch (admission.enter(asked.key(), suspect)) {
      case LATER -> {
        return false;
      }
      case ALONE -> suspect = true;
      case IN -> {
        next = null;
        submit(asked, true);
      }
      case QUARANTINED -> {
        next = null;
        submit(asked.quarantined(), false);
      }
      default -> throw new IllegalStateException();
    }
    return true;
  }

  private void submit(Asked<T> asked, boolean admitted) {
    Pending<T> pending = new Pending<>(asked, admitted);
    held++;
    inFlight++;
    if (inOrder) {
      waiting.add(pending);
    }
    for (int i = 0; i < settings.size(); i++) {
      Optional<PlannedDocument> document = asked.documents().get(i);
      List<CompletableFuture<Answer>> futures =
          document.isEmpty() ? List.of() : ask(session(i), document.get());
      Answer[] answers = new Answer[futures.size()];
      pending.answers.add(answers);
      pending.missing += answers.length;
      for (int row = 0; row < answers.length; row++) {
        int at = row;
        futures
            .get(row)
            .whenCompleteAsync((answer, bug) -> take(pending, answers, at, answer, bug), callbacks);
      }
    }
    if (pending.missing == 0) {
      finish(pending);
    }
  }

  private static List<CompletableFuture<Answer>> ask(
      DocumentSession session, PlannedDocument document) {
    List<CompletableFuture<Answer>> answers = session.ask(document);
    if (answers.isEmpty()) {
      throw new IllegalStateException("no row of " + document.document().id() + " is wanted");
    }
    return answers;
  }

  private void take(Pending<T> pending, Answer[] answers, int at, Answer answer, Throwable bug) {
    if (bug != null) {
      failure = bug;
      return;
    }
    counted.accept(answer);
    answers[at] = answer;
    if (--pending.missing == 0) {
      finish(pending);
    }
  }

  private void finish(Pending<T> pending) {
    inFlight--;
    if (pending.admitted) {
      admission.leave(pending.key);
    }
    if (!inOrder) {
      ready.add(pending);
    }
    while (!waiting.isEmpty() && waiting.peek().missing == 0) {
      ready.add(waiting.remove());
    }
  }

  /** Opened by the first document, so that a task without any needs no engine. */
  private DocumentSession session(int number) {
    while (sessions.size() <= number) {
      InferSettings own = settings.get(sessions.size());
      ExecutorEngine.Lease lease = TaskEngine.lease(own, reports);
      Submissions submissions = new Submissions(lease.engine());
      TaskCompletionListener cancel = ended -> submissions.cancel();
      task.addTaskCompletionListener(cancel);
      PromptTokenizer prompts = PromptTokenizer.of(own.options(), own.templates(), lease.engine());
      sessions.add(new DocumentSession(own, submissions, prompts, callbacks));
    }
    return sessions.get(number);
  }

  /** All that are there, the first of them after a while at most. */
  private void runCallbacks(long waitMillis) {
    try {
      for (long wait = waitMillis; callbacks.runNext(wait); wait = 0) {
        continue;
      }
    } catch (InterruptedException killed) {
      Thread.currentThread().interrupt();
      throw new CompletionException(killed);
    }
    if (failure != null) {
      task.killTaskIfInterrupted();
      throw failure instanceof CompletionException wrapped
          ? wrapped
          : new CompletionException(failure);
    }
  }
}
