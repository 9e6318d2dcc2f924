package dev.questspark.engine.policy.cache.tokens;

import java.util.BitSet;
import java.util.stream.IntStream;

/**
 * A document's tokens in runs of {@code size}, from its first one; the last may be shorter. The
 * first and the last are always kept, and count.
 */
public record Chunks(int tokens, int size) {

  /** How many there are. */
  public int count() {
    return (tokens + size - 1) / size;
  }

  /** Chunks that a share of them all comes to, the first and the last among them. */
  public int share(double keep) {
    int least = Math.min(2, count());
    return Math.max(least, (int) Math.round(keep * count()));
  }

  /**
   * Most tokens of a prefill that so many questions share, each with such a share of the chunks and
   * all with the first and the last.
   */
  public int most(double keep, int questions) {
    long chunks = Math.min(count(), 2 + (long) questions * (share(keep) - 2));
    return (int) Math.min(tokens, Math.max(Math.min(2, count()), chunks) * size);
  }

  /** The score of each chunk: that of its largest token. A token whose score is no number has 0. */
  public double[] best(double[] tokenScores) {
    double[] best = new double[count()];
    for (int token = 0; token < tokens; token++) {
      if (tokenScores[token] > best[token / size]) {
        best[token / size] = tokenScores[token];
      }
    }
    return best;
  }

  /**
   * The first chunk, the last, and the best others, of equal ones the earlier.
   *
   * @param most chunks in all
   * @param mass the fewest whose scores reach this share of the sum over the others; 1 or more for
   *     as many as there may be
   * @return their tokens
   */
  public BitSet choose(double[] scores, int most, double mass) {
    BitSet kept = new BitSet(tokens);
    int last = count() - 1;
    keep(kept, 0);
    keep(kept, last);
    int[] others =
        IntStream.range(1, Math.max(1, last))
            .boxed()
            .sorted((a, b) -> Double.compare(scores[b], scores[a]))
            .mapToInt(Integer::intValue)
            .toArray();
    double wanted = mass < 1 ? mass * IntStream.of(others).mapToDouble(i -> scores[i]).sum() : 0;
    double reached = 0;
    for (int i = 0; i < others.length && i + 2 < most; i++) {
      if (mass < 1 && reached >= wanted) {
        break;
      }
      keep(kept, others[i]);
      reached += scores[others[i]];
    }
    return kept;
  }

  private void keep(BitSet kept, int chunk) {
    kept.set(chunk * size, Math.min(tokens, (chunk + 1) * size));
  }
}
