package dev.questspark.engine.ops.sample;

import java.util.BitSet;

/**
 * How one row's token is drawn, with the cuts of Hugging Face's logits processors in their order:
 * repetition penalty, temperature, top_k, top_p, min_p.
 *
 * <p>A draw is a function of the row alone and has the same result on every backend. A token's
 * weight is exp((logit - largest) / temperature), in float, times {@link #UNIT} and rounded to an
 * integer, so that sums of weights are exact in any order. Tokens rank by logit; of equal ones the
 * lower id is the better. top_k keeps that many of the best, top_p as many of the best of those as
 * it takes to reach its share of their weight, min_p what has at least that share of the best
 * token's weight. The tokens left lie side by side by id, each as long as its weight, and {@code
 * random} of that length points at the one that is drawn.
 *
 * @param temperature 0 takes the best token
 * @param topK 0 keeps all
 * @param topP share of the weight in (0, 1]; 1 keeps all
 * @param minP share of the best token's weight in [0, 1); 0 keeps all
 * @param repetitionPenalty divides positive and multiplies negative logits of the seen tokens
 *     (CTRL, arXiv 1909.05858, section 4.1); 1 is off
 * @param seen tokens of prompt and output; read only where the penalty is on
 * @param random the row's number in [0, 1)
 */
public record RowSampling(
    float temperature,
    int topK,
    float topP,
    float minP,
    float repetitionPenalty,
    BitSet seen,
    double random) {

  /**
   * The best token's weight. A token less likely than it by more than 2^35 is never drawn; the
   * weights of 2^19 tokens add up exactly in a double.
   */
  public static final float UNIT = 0x1p34f;

  /** Tokens of the largest vocabulary whose weights add up exactly. */
  public static final int LARGEST_VOCABULARY = 1 << 19;

  /** What differences of logits are multiplied by; finite, however small the temperature. */
  public float inverseTemperature() {
    return Math.min(1 / temperature, 1e30f);
  }

  /** Whether top_k cuts anything of a vocabulary. */
  public boolean cutsBest(int vocabulary) {
    return topK > 0 && topK < vocabulary;
  }

  /** The least weight that min_p keeps. */
  public double leastWeight() {
    return Math.max(1, Math.ceil(minP * (double) UNIT));
  }

  /** The weight at which top_p ends, of the weight it is a share of. */
  public double nucleus(double total) {
    return Math.ceil(topP * total);
  }

  /** The weight before which {@link #random} points, of all that was kept. */
  public double target(double kept) {
    return Math.min(Math.floor(random * kept), kept - 1);
  }
}
