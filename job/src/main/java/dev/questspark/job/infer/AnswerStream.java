package dev.questspark.job.infer;

import dev.questspark.job.corpus.Document;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * One task's documents through the engine: submits a bounded number ahead, so that one task alone
 * fills the batch, and hands out answers in the order in which they finish. Holds no more than the
 * documents in flight.
 */
final class AnswerStream implements Iterator<Answer> {
  private static final long LOOK_AROUND_MILLIS = 200;

  private final Iterator<Document> documents;
  private final DocumentSession session;
  private final Mailbox mailbox;
  private final int maxInFlight;
  private final Runnable stillWanted;
  private final Deque<Answer> finished = new ArrayDeque<>();
  private int inFlight;
  private Throwable bug;

  /**
   * @param maxInFlight documents submitted and not yet answered in full
   * @param stillWanted throws when Spark has killed the task
   */
  AnswerStream(
      Iterator<Document> documents,
      DocumentSession session,
      Mailbox mailbox,
      int maxInFlight,
      Runnable stillWanted) {
    this.documents = documents;
    this.session = session;
    this.mailbox = mailbox;
    this.maxInFlight = maxInFlight;
    this.stillWanted = stillWanted;
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
  public Answer next() {
    if (!hasNext()) {
      throw new NoSuchElementException();
    }
    return finished.remove();
  }

  private void submit(Document document) {
    List<CompletableFuture<Answer>> answers = session.ask(document);
    int[] unanswered = {answers.size()};
    inFlight++;
    for (CompletableFuture<Answer> future : answers) {
      future.whenCompleteAsync(
          (answer, failure) -> {
            if (failure != null) {
              bug = failure;
            } else {
              finished.add(answer);
            }
            if (--unanswered[0] == 0) {
              inFlight--;
            }
          },
          mailbox);
    }
  }

  private void awaitSomething() {
    try {
      mailbox.handleNext(LOOK_AROUND_MILLIS);
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
