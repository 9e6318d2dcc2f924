package dev.questspark.job.partition;

import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.corpus.Document;
import java.util.BitSet;

/**
 * A document in its partition, and which of its rows earlier runs have finished.
 *
 * @param key {@code RecordSchema.KEY}; records of equal content share it
 * @param policies page selection policies of the run
 * @param finished bit {@code question number * policies + policy}; empty for a document that no run
 *     has touched
 */
public record PlannedDocument(long key, Document document, int policies, BitSet finished) {
  /** A document outside any plan: one policy, every row wanted. */
  public static PlannedDocument whole(Document document) {
    return new PlannedDocument(0, document, 1, new BitSet());
  }

  /** The same document, which is not to be computed. */
  public PlannedDocument withDefect(ErrorCode code) {
    return new PlannedDocument(key, document.withDefect(Defect.of(code)), policies, finished);
  }

  /** Whether every row is wanted. */
  public boolean untouched() {
    return finished.isEmpty();
  }

  /** Whether the row is still to be computed. */
  public boolean wants(int question, int policy) {
    return !finished.get(CorpusPlan.rowBit(question, policies, policy));
  }

  /** Rows still to be computed. */
  public int wantedRows() {
    return document.questions().size() * policies - finished.cardinality();
  }
}
