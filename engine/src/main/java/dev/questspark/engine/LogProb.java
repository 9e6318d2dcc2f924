package dev.questspark.engine;

import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.failure.ErrorCode;

/** Log-probabilities under the softmax of a row of logits, summed in double. */
final class LogProb {
  private LogProb() {}

  /**
   * What a row's logits exceed its log-probabilities by: the logarithm of the sum of their
   * exponentials, taken from the largest on so that none overflows.
   *
   * @param logits (vocabulary)
   * @throws DocumentException when one is not a number
   */
  static double normaliser(float[] logits) {
    float max = Float.NEGATIVE_INFINITY;
    for (int id = 0; id < logits.length; id++) {
      if (Float.isNaN(logits[id])) {
        throw notANumber(id);
      }
      max = Math.max(max, logits[id]);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp((double) logit - max);
    }
    return max + Math.log(sum);
  }

  /** What a row whose forward pass went wrong ends in. */
  static DocumentException notANumber(int token) {
    return new DocumentException(
        ErrorCode.NOT_A_NUMBER,
        "logit of token " + token + " is NaN; a wider dtype may compute this prompt");
  }
}
