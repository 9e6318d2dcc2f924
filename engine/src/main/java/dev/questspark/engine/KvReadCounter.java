package dev.questspark.engine;

/** Sums what one sequence's decode steps read; see {@link Completion.KvReads}. */
final class KvReadCounter {
  private long pagesScored;
  private long pagesAttended;
  private long tokensAttended;
  private long bytesRead;
  private long bytesDense;
  private int sparseSteps;
  private int denseSteps;

  /**
   * @param storedTokens what attention to everything stored reads
   */
  void add(long scored, long attended, long tokens, long storedTokens, long read, long dense) {
    pagesScored += scored;
    pagesAttended += attended;
    tokensAttended += tokens;
    bytesRead += read;
    bytesDense += dense;
    if (tokens < storedTokens) {
      sparseSteps++;
    } else {
      denseSteps++;
    }
  }

  Completion.KvReads total(int pagesTotal) {
    return new Completion.KvReads(
        pagesTotal,
        pagesScored,
        pagesAttended,
        tokensAttended,
        bytesRead,
        bytesDense,
        sparseSteps,
        denseSteps);
  }
}
