package dev.questspark.engine.schedule;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;

/**
 * Documents that are read before their tokens are chosen, in the order in which they came. A few
 * have a place, with room for the longest prompt, so that none waits for memory once it has begun;
 * the rows of each step go to the oldest first. A document's rows are read once, each question's
 * after them; a drafted row waits for the one before.
 */
public final class ReadingQueue {
  private final Reading[] places;
  private final ArrayDeque<ReadingWork> waiting = new ArrayDeque<>();

  /** Documents with a place, oldest first. */
  private final List<Reading> begun = new ArrayList<>();

  /**
   * @param places documents that are read at a time, at least 1
   */
  public ReadingQueue(int places) {
    this.places = new Reading[places];
  }

  /** A document with a place, and how far it is. */
  private static final class Reading {
    final ReadingWork work;
    final int place;
    int question;
    int nextPosition;

    Reading(ReadingWork work, int place) {
      this.work = work;
      this.place = place;
    }

    ReadingSpan next(int rows) {
      int first = nextPosition;
      int draft = work.documentTokens() + work.questionTokens().get(question);
      int end = draft + work.drafted();
      int tokens = first < draft ? Math.min(rows, draft - first) : 1;
      nextPosition += tokens;
      boolean endsQuestion = nextPosition == end;
      boolean drafts = nextPosition >= draft && !endsQuestion;
      boolean endsDocument = endsQuestion && question + 1 == work.questionTokens().size();
      ReadingSpan span =
          new ReadingSpan(
              work.id(), place, question, first, tokens, drafts, endsQuestion, endsDocument);
      if (endsQuestion) {
        question++;
        nextPosition = work.documentTokens();
      }
      return span;
    }
  }

  /** Queues a document. */
  public void add(ReadingWork work) {
    waiting.add(work);
  }

  /**
   * The rows of the next step: at most {@code rows}, of one question of a document each. Places of
   * documents that end in it are taken again by the call after.
   */
  public List<ReadingSpan> next(int rows) {
    for (int place = 0; place < places.length && !waiting.isEmpty(); place++) {
      if (places[place] == null) {
        places[place] = new Reading(waiting.removeFirst(), place);
        begun.add(places[place]);
      }
    }
    List<ReadingSpan> spans = new ArrayList<>();
    int left = rows;
    for (Iterator<Reading> all = begun.iterator(); all.hasNext() && left > 0; ) {
      Reading reading = all.next();
      ReadingSpan span = reading.next(left);
      spans.add(span);
      left -= span.tokens();
      if (span.endsDocument()) {
        places[reading.place] = null;
        all.remove();
      }
    }
    return spans;
  }

  /**
   * Forgets a document.
   *
   * @return whether it was there
   */
  public boolean cancel(long id) {
    for (Reading reading : begun) {
      if (reading.work.id() == id) {
        places[reading.place] = null;
        begun.remove(reading);
        return true;
      }
    }
    return waiting.removeIf(work -> work.id() == id);
  }

  /** Whether nothing is to be read. */
  public boolean idle() {
    return begun.isEmpty() && waiting.isEmpty();
  }
}
