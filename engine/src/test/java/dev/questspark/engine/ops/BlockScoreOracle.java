package dev.questspark.engine.ops;

import dev.questspark.engine.ops.prefill.BlockScoring;
import dev.questspark.engine.ops.prefill.Segments;
import java.util.Arrays;

/**
 * Scores of key blocks in double precision, by the definitions of {@link BlockScoring} and nothing
 * else.
 *
 * @param group query heads per KV head
 * @param cap of the logits, 0 for none
 */
record BlockScoreOracle(
    HostKv kv, RaggedBatch batch, float[][] q, int group, double scale, double cap) {

  /** Scores of the blocks before a segment. */
  double[] scores(
      Segments segments, int segment, int kvHead, BlockScoring scoring, double[] previous) {
    if (scoring instanceof BlockScoring.SampledRows sampled) {
      return sampled(segments, segment, kvHead, sampled.rows());
    } else if (scoring instanceof BlockScoring.Antidiagonal strides) {
      return strides(segments, segment, kvHead, strides.stride());
    }
    return midpoint(
        segments, segment, kvHead, ((BlockScoring.Midpoint) scoring).previous(), previous);
  }

  private double[] sampled(Segments segments, int segment, int kvHead, int most) {
    int count = Math.min(most, segments.rowsOf(segment));
    int block = segments.shape().block();
    double[] scores = new double[segments.blocksBefore(segment)];
    for (int g = 0; g < group; g++) {
      for (int i = 0; i < count; i++) {
        int offset = (2 * i + 1) * segments.rowsOf(segment) / (2 * count);
        int row = segments.rows()[segment] + offset;
        int position = segments.starts()[segment] + offset;
        double[] weights = new double[position + 1];
        for (int key = kv.firstVisible(position); key <= position; key++) {
          weights[key] = Math.exp(logit(scale * dot(row, kvHead * group + g, key)));
        }
        add(scores, weights, block, 1.0 / (count * group));
      }
    }
    return scores;
  }

  private double[] strides(Segments segments, int segment, int kvHead, int stride) {
    int count = segments.rowsOf(segment) / stride;
    int perBlock = segments.shape().block() / stride;
    int firstStride = segments.starts()[segment] / stride;
    double[] scores = new double[segments.blocksBefore(segment)];
    for (int g = 0; g < group; g++) {
      for (int t = 0; t < count; t++) {
        int row = segments.rows()[segment] + t * stride;
        int hidden = kv.firstVisible(segments.starts()[segment] + t * stride) / stride;
        double[] weights = new double[firstStride + t + 1];
        for (int j = hidden; j < weights.length; j++) {
          double sum = 0;
          for (int i = 0; i < stride; i++) {
            sum += dot(row + stride - 1 - i, kvHead * group + g, j * stride + i);
          }
          weights[j] = Math.exp(logit(scale / stride * sum));
        }
        add(scores, weights, perBlock, 1.0 / (count * group));
      }
    }
    return scores;
  }

  /** Adds a row's weights as shares of their sum. */
  private static void add(double[] scores, double[] weights, int perBlock, double share) {
    double total = Arrays.stream(weights).sum();
    for (int i = 0; i < scores.length * perBlock; i++) {
      scores[i / perBlock] += share * weights[i] / total;
    }
  }

  private double[] midpoint(
      Segments segments, int segment, int kvHead, double share, double[] previous) {
    int headDim = kv.geometry().headDim();
    int block = segments.shape().block();
    double[] weights = new double[segments.blocksBefore(segment)];
    for (int b = 0; b < weights.length; b++) {
      double mean = 0;
      for (int g = 0; g < group; g++) {
        double high = 0;
        double low = 0;
        for (int c = 0; c < headDim; c++) {
          int channel = (kvHead * group + g) * headDim + c;
          double most = Double.NEGATIVE_INFINITY;
          double least = Double.POSITIVE_INFINITY;
          for (int r = segments.rows()[segment]; r < segments.rows()[segment + 1]; r++) {
            most = Math.max(most, q[r][channel]);
            least = Math.min(least, q[r][channel]);
          }
          double keyMost = Double.NEGATIVE_INFINITY;
          double keyLeast = Double.POSITIVE_INFINITY;
          for (int key = b * block; key < (b + 1) * block; key++) {
            float x = key(segments.rows()[segment], kvHead, key)[c];
            keyMost = Math.max(keyMost, x);
            keyLeast = Math.min(keyLeast, x);
          }
          high += (most + least) / 2 * keyMost;
          low += (most + least) / 2 * keyLeast;
        }
        mean += Math.max(high, low) / group;
      }
      boolean seen = (b + 1) * block > kv.firstVisible(segments.starts()[segment]);
      weights[b] = seen ? Math.exp(scale * mean) : 0;
    }
    double total = Arrays.stream(weights).sum();
    for (int b = 0; b < weights.length; b++) {
      weights[b] = (1 - share) * weights[b] / total + share * previous[b];
    }
    return weights;
  }

  private double logit(double scaled) {
    return cap == 0 ? scaled : cap * Math.tanh(scaled / cap);
  }

  /** q.k of a batch row's query head and a position. */
  double dot(int row, int head, int position) {
    int headDim = kv.geometry().headDim();
    float[] key = key(row, head / group, position);
    double dot = 0;
    for (int c = 0; c < headDim; c++) {
      dot += (double) q[row][head * headDim + c] * key[c];
    }
    return dot;
  }

  private float[] key(int row, int kvHead, int position) {
    int span = Arrays.binarySearch(batch.spanRows(), row);
    span = span >= 0 ? span : -span - 2;
    int pageSize = kv.geometry().pageSize();
    int page = batch.pageTable()[batch.spanPages()[span] + position / pageSize];
    return kv.key(page, kvHead, position % pageSize);
  }
}
