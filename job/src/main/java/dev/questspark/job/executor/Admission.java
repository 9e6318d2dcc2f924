package dev.questspark.job.executor;

/**
 * Lets a task's documents into the executor's engine. A document that was in flight when an
 * executor's process ended may be what ended it: such a suspect goes in alone, so that a second
 * death tells. The driver keeps the books ({@link Driver}), since what an executor knows dies with
 * it.
 *
 * <p>Where driver and executor are one process there are no books, and everything goes in at once.
 */
public final class Admission implements AutoCloseable {
  /** What becomes of a document that wants in. */
  public enum Verdict {
    /** It is in. */
    IN,
    /** Not now: the engine is left to a suspect, or this suspect waits for the engine. */
    LATER,
    /** It is a suspect: ask again for the engine alone. */
    ALONE,
    /** It ended two executors. */
    QUARANTINED
  }

  /** Who keeps the books. */
  public interface Driver {
    /**
     * A document is about to go in.
     *
     * @param key of its record
     * @param alone whether nothing else is in flight in this executor
     * @return {@code IN}, {@code ALONE} or {@code QUARANTINED}; noted as in flight only if in
     */
    Verdict begins(long key, boolean alone);

    /** The document is answered. */
    void ended(long key);
  }

  private static volatile Driver driver;

  /** Documents in the engines of this JVM; guarded by the class. */
  private static int inside;

  /** The task that has the engine for a suspect, or waits for it; guarded by the class. */
  private static Admission alone;

  private final boolean recorded;
  private int own;

  /** Whether the one document inside is this task's suspect. */
  private boolean suspectInside;

  private Admission(boolean recorded) {
    this.recorded = recorded;
  }

  /** Called by an executor's plugin before the first task. */
  public static void connect(Driver books) {
    driver = books;
  }

  /** For a task whose documents are known to the driver by their records. */
  public static Admission recorded() {
    return new Admission(driver != null);
  }

  /** For a task whose documents nobody can name. */
  public static Admission free() {
    return new Admission(false);
  }

  /**
   * Asks for a document. Called by the task's thread alone.
   *
   * @param key of its record
   * @param suspect whether an earlier verdict was {@code ALONE}
   */
  public Verdict enter(long key, boolean suspect) {
    if (!recorded) {
      return Verdict.IN;
    }
    if (!reserve(suspect)) {
      return Verdict.LATER;
    }
    Verdict verdict = driver.begins(key, suspect);
    if (verdict != Verdict.IN) {
      release();
    }
    return verdict;
  }

  private boolean reserve(boolean suspect) {
    synchronized (Admission.class) {
      if (suspect && alone == null) {
        alone = this;
      }
      boolean free = suspect ? alone == this && inside == 0 : alone == null;
      if (free) {
        inside++;
        own++;
        suspectInside = suspect;
      }
      return free;
    }
  }

  private void release() {
    synchronized (Admission.class) {
      inside--;
      own--;
      if (suspectInside) {
        suspectInside = false;
        alone = null;
      }
    }
  }

  /** The document is answered. */
  public void leave(long key) {
    if (recorded) {
      release();
      driver.ended(key);
    }
  }

  /** The task has ended, with whatever it had in flight. */
  @Override
  public void close() {
    synchronized (Admission.class) {
      inside -= own;
      own = 0;
      if (alone == this) {
        alone = null;
      }
    }
  }
}
