package dev.questspark.engine.model;

import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.failure.ErrorCode;
import java.util.BitSet;

/**
 * Draws the next token from one row of logits: repetition penalty, temperature, top_k, top_p,
 * min_p, in the order of Hugging Face's logits processors, then one draw whose random number
 * belongs to the row ({@link RowRandom}). Equal logits rank by token id, lowest first, so that
 * greedy decoding and every cut are the same everywhere; top_k keeps exactly k.
 *
 * <p>One instance serves one thread and allocates nothing per call.
 */
public final class Sampler {
  /** Token ids: a heap with the best at 0 while the kept ones collect, best first, at the end. */
  private final int[] ids;

  private final double[] weights;
  private int heapSize;

  /**
   * @param vocabSize entries of a logits row
   */
  public Sampler(int vocabSize) {
    ids = new int[vocabSize];
    weights = new double[vocabSize];
  }

  /**
   * The next token.
   *
   * @param logits one row, vocabSize entries; overwritten
   * @param seen ids that occur in the row's prompt or output; only read if the repetition penalty
   *     is on
   * @param position tokens that the row has generated before this one
   */
  public int sample(float[] logits, SamplingParams params, BitSet seen, int position) {
    if (logits.length != ids.length) {
      throw new IllegalArgumentException(
          "logits of " + logits.length + " entries for a vocabulary of " + ids.length);
    }
    if (params.repetitionPenalty() != 1) {
      penalise(logits, seen, params.repetitionPenalty());
    }
    int best = argmax(logits);
    if (params.temperature() == 0) {
      return best;
    }
    double random = RowRandom.uniform(params.seed(), position);
    boolean topK = params.topK() > 0 && params.topK() < logits.length;
    if (!topK && params.topP() == 1 && params.minP() == 0) {
      return drawFromAll(logits, logits[best], params.temperature(), random);
    }
    int kept = keep(logits, logits[best], params);
    return drawFromKept(kept, random);
  }

  /** Divides positive and multiplies negative logits (CTRL, arXiv 1909.05858, section 4.1). */
  private static void penalise(float[] logits, BitSet seen, float penalty) {
    for (int id = seen.nextSetBit(0); id >= 0 && id < logits.length; id = seen.nextSetBit(id + 1)) {
      logits[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
    }
  }

  /** What a row whose forward pass went wrong ends in. */
  public static DocumentException notANumber(int token) {
    return new DocumentException(
        ErrorCode.NOT_A_NUMBER,
        "logit of token " + token + " is NaN; a wider dtype may compute this prompt");
  }

  private static int argmax(float[] logits) {
    int best = 0;
    for (int id = 0; id < logits.length; id++) {
      if (Float.isNaN(logits[id])) {
        throw notANumber(id);
      }
      if (logits[id] > logits[best]) {
        best = id;
      }
    }
    return best;
  }

  private int drawFromAll(float[] logits, float best, float temperature, double random) {
    double total = 0;
    for (int id = 0; id < logits.length; id++) {
      weights[id] = weight(logits[id], best, temperature);
      total += weights[id];
    }
    double left = random * total;
    int last = 0;
    for (int id = 0; id < logits.length; id++) {
      if (weights[id] > 0) {
        last = id;
        left -= weights[id];
        if (left < 0) {
          break;
        }
      }
    }
    return last; // rounding may leave a crumb after the last token
  }

  /**
   * Takes tokens best first until a limit ends it; all three limits are cuts of that order.
   *
   * @return how many are kept: ids from the end of {@link #ids} backwards, weights from 0 on
   */
  private int keep(float[] logits, float best, SamplingParams params) {
    boolean topK = params.topK() > 0 && params.topK() < logits.length;
    int most = topK ? params.topK() : logits.length;
    heapify(logits);
    int kept = 0;
    double mass = 0;
    // The nucleus is a share of what top_k left: all tokens, or those that must be taken first.
    double limit =
        topK || params.topP() == 1 ? Double.POSITIVE_INFINITY : nucleus(logits, best, params);
    while (kept < most && mass < limit) {
      double weight = weight(logits[ids[0]], best, params.temperature());
      if (weight < params.minP() && !topK) {
        break;
      }
      pop(logits);
      weights[kept++] = weight;
      mass += weight;
    }
    return topK ? cut(kept, mass, params) : kept;
  }

  private static double nucleus(float[] logits, float best, SamplingParams params) {
    double total = 0;
    for (float logit : logits) {
      total += weight(logit, best, params.temperature());
    }
    return params.topP() * total;
  }

  /** Applies top_p and min_p to the tokens that top_k kept. */
  private int cut(int kept, double total, SamplingParams params) {
    double limit = params.topP() == 1 ? Double.POSITIVE_INFINITY : params.topP() * total;
    double mass = 0;
    for (int i = 0; i < kept; i++) {
      if (mass >= limit || weights[i] < params.minP()) {
        return i;
      }
      mass += weights[i];
    }
    return kept;
  }

  private int drawFromKept(int kept, double random) {
    double total = 0;
    for (int i = 0; i < kept; i++) {
      total += weights[i];
    }
    double left = random * total;
    int chosen = 0;
    for (int i = 0; i < kept && weights[i] > 0; i++) {
      chosen = i;
      left -= weights[i];
      if (left < 0) {
        break;
      }
    }
    return ids[ids.length - 1 - chosen];
  }

  /** Probability relative to the best token's, which is 1: min_p compares with just that. */
  private static double weight(float logit, float best, float temperature) {
    return logit == best ? 1 : Math.exp(((double) logit - best) / temperature);
  }

  private void heapify(float[] logits) {
    heapSize = ids.length;
    for (int i = 0; i < heapSize; i++) {
      ids[i] = i;
    }
    for (int i = heapSize / 2 - 1; i >= 0; i--) {
      siftDown(logits, i);
    }
  }

  /** Moves the best token from the heap to the place that the shrinking heap frees. */
  private void pop(float[] logits) {
    heapSize--;
    int best = ids[0];
    ids[0] = ids[heapSize];
    ids[heapSize] = best;
    siftDown(logits, 0);
  }

  private void siftDown(float[] logits, int start) {
    int parent = start;
    int id = ids[start];
    for (int child = 2 * parent + 1; child < heapSize; child = 2 * parent + 1) {
      if (child + 1 < heapSize && before(logits, ids[child + 1], ids[child])) {
        child++;
      }
      if (!before(logits, ids[child], id)) {
        break;
      }
      ids[parent] = ids[child];
      parent = child;
    }
    ids[parent] = id;
  }

  private static boolean before(float[] logits, int a, int b) {
    return logits[a] > logits[b] || logits[a] == logits[b] && a < b;
  }
}
