package dev.questspark.engine;

import dev.questspark.engine.model.Sampler;

/** Log-probabilities under the softmax of a row of logits, summed in double. */
final class LogProb {
  private LogProb() {}

  /**
   * What a row's logits exceed its log-probabilities by: the logarithm of the sum of their
   * exponentials, taken from the largest on so that none overflows.
   *
   * @param logits (vocabulary)
   * @throws IllegalStateException when one is not a number
   */
  static double normaliser(float[] logits) {
    float max = Float.NEGATIVE_INFINITY;
    for (int id = 0; id < logits.length; id++) {
      if (Float.isNaN(logits[id])) {
        throw Sampler.notANumber(id);
      }
      max = Math.max(max, logits[id]);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp((double) logit - max);
    }
    return max + Math.log(sum);
  }
}
