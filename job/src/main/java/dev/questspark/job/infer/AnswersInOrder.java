package dev.questspark.job.infer;

import dev.questspark.job.answer.Answer;
import dev.questspark.job.corpus.Document;
import dev.questspark.job.executor.EngineReports;
import dev.questspark.job.executor.ExecutorEngine;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.executor.TaskEngine;
import dev.questspark.job.prompt.PromptTokenizer;
import dev.questspark.job.sql.EmbeddedEngine;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;

/**
 * One task of a query: requests through the executor's engine, many in flight, answers in the order
 * of the requests. Lazy: it reads no further ahead than the engine needs, and gives up what is in
 * flight when the task ends early.
 *
 * @param <T> what the caller wants back with its answers, a row usually
 */
public final class AnswersInOrder<T> implements Iterator<AnswersInOrder.Answered<T>> {
  private static final long LOOK_AROUND_MILLIS = 200;

  /** Requests read ahead, in multiples of those in flight: room behind a slow first one. */
  private static final int READ_AHEAD = 4;

  /**
   * @param documents one per {@link InferSettings} of the task, empty where there is nothing to ask
   */
  public record Asked<T>(T context, List<Optional<Document>> documents) {}

  /**
   * @param answers of each document, in the order of its questions
   */
  public record Answered<T>(T context, List<List<Answer>> answers) {}

  private record Pending<T>(T context, List<List<CompletableFuture<Answer>>> answers) {
    boolean done() {
      return answers.stream().flatMap(List::stream).allMatch(CompletableFuture::isDone);
    }
  }

  private final TaskContext task = TaskContext.get();
  private final Iterator<Asked<T>> requests;
  private final List<InferSettings> settings;
  private final EngineReports reports;
  private final CallbackQueue callbacks = new CallbackQueue();
  private final List<DocumentSession> sessions = new ArrayList<>();
  private final Deque<Pending<T>> pending = new ArrayDeque<>();
  private final int maxInFlight;
  private int inFlight;

  /**
   * @param settings each an {@link EmbeddedEngine}'s
   * @param reports registered with Spark
   */
  public AnswersInOrder(
      List<InferSettings> settings, EngineReports reports, Iterator<Asked<T>> requests) {
    this.requests = requests;
    this.settings = List.copyOf(settings);
    this.reports = reports;
    this.maxInFlight = settings.stream().mapToInt(InferSettings::maxInFlight).max().orElseThrow();
  }

  @Override
  public boolean hasNext() {
    while (true) {
      runCallbacks(0);
      while (inFlight < maxInFlight
          && pending.size() < READ_AHEAD * maxInFlight
          && requests.hasNext()) {
        submit(requests.next());
      }
      if (pending.isEmpty() || pending.peek().done()) {
        return !pending.isEmpty();
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
    Pending<T> first = pending.remove();
    return new Answered<>(
        first.context,
        first.answers.stream()
            .map(answers -> answers.stream().map(CompletableFuture::join).toList())
            .toList());
  }

  private void submit(Asked<T> asked) {
    List<List<CompletableFuture<Answer>>> answers = new ArrayList<>();
    for (int i = 0; i < settings.size(); i++) {
      Optional<Document> document = asked.documents.get(i);
      answers.add(document.isEmpty() ? List.of() : session(i).ask(document.get()));
    }
    pending.add(new Pending<>(asked.context, answers));
    List<CompletableFuture<Answer>> all = answers.stream().flatMap(List::stream).toList();
    if (!all.isEmpty()) {
      inFlight++;
      CompletableFuture.allOf(all.toArray(CompletableFuture[]::new))
          .whenCompleteAsync((done, failure) -> inFlight--, callbacks);
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
      sessions.add(
          new DocumentSession(
              own, submissions, PromptTokenizer.of(own, lease.engine()), callbacks));
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
  }
}
