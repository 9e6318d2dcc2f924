package dev.questspark.engine;

/** Log-probability of one token under the softmax of a row of logits, summed in double. */
final class LogProb {
  private LogProb() {}

  /**
   * @param logits (vocabulary)
   * @return natural logarithm, at most 0
   */
  static double of(float[] logits, int token) {
    float max = Float.NEGATIVE_INFINITY;
    for (float logit : logits) {
      max = Math.max(max, logit);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp((double) logit - max);
    }
    return (double) logits[token] - max - Math.log(sum);
  }
}
