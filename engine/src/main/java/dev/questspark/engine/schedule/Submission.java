package dev.questspark.engine.schedule;

/** What became of a submitted document. */
public sealed interface Submission {

  /** The document waits for its turn; every question will run. */
  record Accepted() implements Submission {}

  /**
   * The document could never run, not even alone: nothing was queued.
   *
   * @param neededPages pages of the document plus the private pages of its largest question
   * @param totalPages pages of the pool
   */
  record Refused(long neededPages, int totalPages) implements Submission {}

  /**
   * The document's prefix could never be stored, not even alone: nothing was queued.
   *
   * @param neededPages pages of the prefix store that it takes
   * @param totalPages pages of that store
   */
  record PrefixRefused(long neededPages, int totalPages) implements Submission {}
}
