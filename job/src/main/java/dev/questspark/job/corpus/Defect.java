package dev.questspark.job.corpus;

import dev.questspark.engine.failure.ErrorCode;
import java.io.Serializable;

/**
 * Why a record cannot be answered.
 *
 * @param code from the closed list
 * @param message one sentence with what was found
 */
public record Defect(ErrorCode code, String message) implements Serializable {
  /** A defect that needs no more words than its code's. */
  public static Defect of(ErrorCode code) {
    return new Defect(code, code.meaning());
  }
}
