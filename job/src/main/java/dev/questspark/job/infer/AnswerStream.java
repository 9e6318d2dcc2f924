package dev.questspark.job.infer;

import dev.questspark.job.answer.Answer;
import dev.questspark.job.infer.InferPartition.Answered;
import dev.questspark.job.infer.InferPartition.Asked;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * One task's documents through the engine: submits a bounded number ahead, so that one task alone
 * fills the batch, and hands out documents in the order in which they finish. Holds no more than
 * the documents in flight.
 */
final class AnswerStream<T> implements Iterator<Answered<T>> {
  private static final long LOOK_AROUND_MILLIS = 200;

  private final Iterator<Asked<T>> documents;
  private final DocumentSession session;
  private final CallbackQueue callbacks;
  private final int maxInFlight;
  private final Runnable stillWanted;
  private final RunCounters counters;
  private final Deque<Answered<T>> finished = new ArrayDeque<>();
  private int inFlight;
  private Throwable bug;

  /**
   * @param maxInFlight documents submitted and not yet answered in full
   * @param stillWanted throws when Spark has killed the task
   */
  AnswerStream(
      Iterator<Asked<T>> documents,
      DocumentSession session,
      CallbackQueue callbacks,
      int maxInFlight,
      Runnable stillWanted,
      RunCounters counters) {
    this.documents = documents;
    this.session = session;
    this.callbacks = callbacks;
    this.maxInFlight = maxInFlight;
    this.stillWanted = stillWanted;
    this.counters = counters;
  }

  @Override
  public boolean hasNext() {
    while (finished.isEmpty()) {
      while (inFlight < maxInFlight && documents.hasNext()) {
        submit(documents.next());
      }
      if (inFlight == 0) {
        return false;
      }
      awaitSomething();
    }
    return true;
  }

  @Override
  public Answered<T> next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return finished.remove();
  }

  private void submit(Asked<T> asked) {
    List<CompletableFuture<Answer>> futures = session.ask(asked.document());
    if (futures.isEmpty()) {
      throw new IllegalStateException(
          "no row of " + asked.document().document().id() + " is wanted");
    }
    Answer[] answers = new Answer[futures.size()];
    int[] unanswered = {answers.length};
    inFlight++;
    for (int i = 0; i < answers.length; i++) {
      int at = i;
      futures
          .get(at)
          .whenCompleteAsync(
              (answer, failure) -> {
                if (failure != null) {
                  bug = failure;
                  return;
                }
                counters.count(answer);
                answers[at] = answer;
                if (--unanswered[0] == 0) {
                  inFlight--;
                  counters.documents().add(1);
                  finished.add(new Answered<>(asked.context(), List.of(answers)));
                }
              },
              callbacks);
    }
  }

  private void awaitSomething() {
    try {
      callbacks.runNext(LOOK_AROUND_MILLIS);
    } catch (InterruptedException killed) {
      Thread.currentThread().interrupt();
      throw new CompletionException(killed);
    }
    stillWanted.run();
    if (bug != null) {
      throw bug instanceof CompletionException wrapped ? wrapped : new CompletionException(bug);
    }
  }
}
