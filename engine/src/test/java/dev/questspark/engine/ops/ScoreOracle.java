package dev.questspark.engine.ops;

import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import java.util.Arrays;
import java.util.Map;

/** A page score in double precision, written down once more. */
enum ScoreOracle {
  MINMAX {
    @Override
    double[] digest(double[] keys) {
      return new double[] {
        Arrays.stream(keys).min().orElseThrow(), Arrays.stream(keys).max().orElseThrow()
      };
    }

    @Override
    double term(double q, double low, double high) {
      return Math.max(q * low, q * high);
    }
  },
  MEANSTD {
    @Override
    double[] digest(double[] keys) {
      double mean = Arrays.stream(keys).average().orElseThrow();
      double variance =
          Arrays.stream(keys).map(x -> (x - mean) * (x - mean)).average().orElseThrow();
      return new double[] {mean, 0.75 * Math.sqrt(variance)};
    }

    @Override
    double term(double q, double mean, double deviation) {
      return q * mean + Math.abs(q) * deviation;
    }
  };

  private static final Map<PageScore, ScoreOracle> BY_SCORE =
      Map.of(PageScores.MINMAX, MINMAX, PageScores.MEANSTD, MEANSTD);

  static ScoreOracle of(PageScore score) {
    ScoreOracle oracle = BY_SCORE.get(score);
    if (oracle == null) {
      throw new AssertionError("page score " + score + " has no oracle");
    }
    return oracle;
  }

  /** Both numbers of one channel's digest. */
  abstract double[] digest(double[] keys);

  /** What one channel adds to the score. */
  abstract double term(double q, double first, double second);
}
