package dev.questspark.engine.ops;

import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.DoubleUnaryOperator;

/**
 * The specification of every op: nested loops over host matrices, sums in double. Slow on purpose;
 * nothing here is clever. Letters as in {@link TensorOps}.
 */
final class ReferenceTensorOps {

  float[][] embed(float[][] table, RaggedBatch batch) {
    float[][] out = new float[batch.rows()][];
    for (int r = 0; r < out.length; r++) {
      out[r] = table[batch.tokens()[r]].clone();
    }
    return out;
  }

  float[][] rmsNorm(float[][] x, float[] weight, float eps) {
    float[][] out = new float[x.length][x[0].length];
    int channels = weight.length;
    for (int r = 0; r < x.length; r++) {
      for (int from = 0; from < x[r].length; from += channels) {
        double squares = 0;
        for (int i = 0; i < channels; i++) {
          squares += (double) x[r][from + i] * x[r][from + i];
        }
        double scale = 1 / Math.sqrt(squares / channels + eps);
        for (int i = 0; i < channels; i++) {
          out[r][from + i] = (float) (x[r][from + i] * scale * weight[i]);
        }
      }
    }
    return out;
  }

  float[][] layerNorm(float[][] x, float[] weight, float[] bias, float eps) {
    float[][] out = new float[x.length][x[0].length];
    int channels = weight.length;
    for (int r = 0; r < x.length; r++) {
      double mean = 0;
      for (float value : x[r]) {
        mean += (double) value / channels;
      }
      double variance = 0;
      for (float value : x[r]) {
        variance += Math.pow(value - mean, 2) / channels;
      }
      for (int i = 0; i < channels; i++) {
        out[r][i] = (float) ((x[r][i] - mean) / Math.sqrt(variance + eps) * weight[i] + bias[i]);
      }
    }
    return out;
  }

  /** With BF16, x and weight are rounded to bfloat16 first; sums are exact either way. */
  float[][] linear(float[][] x, float[][] weight, float[] bias, DType dtype) {
    float[][] out = new float[x.length][weight.length];
    for (int r = 0; r < x.length; r++) {
      for (int n = 0; n < weight.length; n++) {
        double sum = bias[n];
        for (int k = 0; k < weight[n].length; k++) {
          sum += (double) round(x[r][k], dtype) * round(weight[n][k], dtype);
        }
        out[r][n] = (float) sum;
      }
    }
    return out;
  }

  private static float round(float value, DType dtype) {
    return dtype == DType.BF16 ? DType.bf16ToFloat(DType.floatToBf16(value)) : value;
  }

  /** Rotates q and k in place and writes k and v into the cache, then refreshes the digests. */
  void appendKv(
      HostKv kv, float[][] q, float[][] k, float[][] v, float[][] rope, RaggedBatch batch) {
    int headDim = kv.geometry().headDim();
    int pageSize = kv.geometry().pageSize();
    for (int span = 0; span < batch.spans(); span++) {
      for (int r = batch.spanRows()[span]; r < batch.spanRows()[span + 1]; r++) {
        int position = batch.positions()[r];
        rotate(q[r], rope[batch.ropePositions()[r]], headDim);
        rotate(k[r], rope[batch.ropePositions()[r]], headDim);
        int page = batch.pageTable()[batch.spanPages()[span] + position / pageSize];
        for (int h = 0; h < kv.geometry().kvHeads(); h++) {
          for (int i = 0; i < headDim; i++) {
            kv.key(page, h, position % pageSize)[i] = k[r][h * headDim + i];
            kv.value(page, h, position % pageSize)[i] = v[r][h * headDim + i];
          }
          for (PageScore score : PageScores.KNOWN) {
            digest(kv, score, page, h, position % pageSize + 1);
          }
        }
      }
    }
  }

  private static void rotate(float[] heads, float[] cosSin, int headDim) {
    int half = headDim / 2;
    for (int from = 0; from < heads.length; from += headDim) {
      for (int i = 0; i < half; i++) {
        double a = heads[from + i];
        double b = heads[from + half + i];
        double cos = cosSin[i];
        double sin = cosSin[half + i];
        heads[from + i] = (float) (a * cos - b * sin);
        heads[from + half + i] = (float) (b * cos + a * sin);
      }
    }
  }

  /** Digests of the blocks that a token of a page may change, given that it is the last one. */
  void digest(HostKv kv, PageScore score, int page, int head, int tokens) {
    int blockSize = kv.geometry().digestBlockSize();
    int block = (tokens - 1) / blockSize;
    digest(kv, score, page, block, head, tokens - block * blockSize);
  }

  /** Digest pair of the first {@code tokens} keys of a page's block. */
  void digest(HostKv kv, PageScore score, int page, int block, int head, int tokens) {
    float[] pair = kv.digest(score, page * kv.geometry().blocksPerPage() + block, head);
    int headDim = kv.geometry().headDim();
    int slot = block * kv.geometry().digestBlockSize();
    for (int i = 0; i < headDim; i++) {
      double[] ofChannel = new double[tokens];
      for (int t = 0; t < tokens; t++) {
        ofChannel[t] = kv.key(page, head, slot + t)[i];
      }
      double[] digest = ScoreOracle.of(score).digest(ofChannel);
      pair[i] = (float) digest[0];
      pair[headDim + i] = (float) digest[1];
    }
  }

  /**
   * Score of one block for the query heads of one KV head.
   *
   * @param block page * B + block of the page
   * @param reduction max or sum
   */
  double score(
      HostKv kv, float[] q, int block, int head, PageScore score, GroupReduction reduction) {
    double[] ofHeads = headScores(kv, q, block, head, score);
    return reduction == GroupReduction.MAX
        ? Arrays.stream(ofHeads).max().orElseThrow()
        : Arrays.stream(ofHeads).sum();
  }

  /**
   * Scores of blocks [first, end) of batch row r's sequence for one KV head.
   *
   * @param reduction any; softmax of scores times 0.125
   */
  double[] scores(
      HostKv kv,
      float[] q,
      RaggedBatch batch,
      int r,
      int head,
      int first,
      int end,
      PageScore score,
      GroupReduction reduction) {
    int span = Arrays.binarySearch(batch.spanRows(), r);
    span = span >= 0 ? span : -span - 2;
    int perPage = kv.geometry().blocksPerPage();
    double[] reduced = new double[end - first];
    double[][] ofHeads = new double[end - first][];
    for (int block = first; block < end; block++) {
      int page = batch.pageTable()[batch.spanPages()[span] + block / perPage];
      int id = page * perPage + block % perPage;
      ofHeads[block - first] = headScores(kv, q, id, head, score);
      if (reduction != GroupReduction.SOFTMAX) {
        reduced[block - first] = score(kv, q, id, head, score, reduction);
      }
    }
    for (int g = 0;
        reduction == GroupReduction.SOFTMAX && end > first && g < ofHeads[0].length;
        g++) {
      double sum = 0;
      for (double[] scores : ofHeads) {
        sum += Math.exp(0.125 * scores[g]);
      }
      for (int i = 0; i < reduced.length; i++) {
        reduced[i] += Math.exp(0.125 * ofHeads[i][g]) / sum;
      }
    }
    return reduced;
  }

  /** Score of one block for each query head of one KV head. */
  double[] headScores(HostKv kv, float[] q, int block, int head, PageScore score) {
    int headDim = kv.geometry().headDim();
    int group = q.length / headDim / kv.geometry().kvHeads();
    float[] pair = kv.digest(score, block, head);
    double[] ofHeads = new double[group];
    for (int g = 0; g < group; g++) {
      for (int i = 0; i < headDim; i++) {
        double x = q[(head * group + g) * headDim + i];
        ofHeads[g] += ScoreOracle.of(score).term(x, pair[i], pair[headDim + i]);
      }
    }
    return ofHeads;
  }

  /**
   * Units that the row keeps.
   *
   * @param scores by unit, or null to keep the most recent
   */
  int[] choosePages(HostKv kv, int position, PageBudget budget, float[] scores) {
    int unit = budget.unit();
    int current = position / unit;
    int first = kv.firstVisible(position) / unit;
    List<Integer> visible = new ArrayList<>();
    for (int one = first; one <= current; one++) {
      visible.add(one);
    }
    if (budget.readsAll(visible.size(), position + 1)) {
      return visible.stream().mapToInt(i -> i).toArray();
    }
    List<Integer> order = new ArrayList<>(List.of(current));
    for (int one = first; one < current; one++) {
      if (one * unit < budget.sinkTokens()) {
        order.add(one);
      }
    }
    for (int one = current - 1; one >= first; one--) {
      boolean recent = (one + 1) * unit > position + 1 - budget.recentTokens();
      if ((scores == null || recent) && !order.contains(one)) {
        order.add(one);
      }
    }
    if (scores != null) {
      visible.removeAll(order);
      visible.sort(
          Comparator.comparing((Integer one) -> Float.isNaN(scores[one]))
              .thenComparingDouble(one -> 0.0 - scores[one]) // 0 - (-0) and 0 - 0 are both +0
              .thenComparing(one -> one));
      order.addAll(visible);
    }
    return order.subList(0, budget.units()).stream().mapToInt(i -> i).sorted().toArray();
  }

  /** Scores of units from those of their parts: the best part that holds a visible position. */
  static float[] ofUnits(float[] scores, int parts, int firstVisiblePart) {
    float[] best = new float[(scores.length + parts - 1) / parts];
    Arrays.fill(best, Float.NaN);
    for (int part = firstVisiblePart; part < scores.length; part++) {
      int unit = part / parts;
      if (Float.isNaN(best[unit]) || scores[part] > best[unit]) {
        best[unit] = scores[part];
      }
    }
    return best;
  }

  /** One row's attention: output (Hq * D) and log-sum-exp (Hq). */
  record Attended(float[] out, float[] logSumExp, long tokens) {}

  /** Attention of batch row r over the listed units of each KV head. */
  Attended attend(
      HostKv kv, float[] q, RaggedBatch batch, int r, int[][] lists, int unit, float scale) {
    return attend(kv, q, batch, r, lists, unit, scale, 0);
  }

  /** With logits under a cap, unless that is 0. */
  Attended attend(
      HostKv kv,
      float[] q,
      RaggedBatch batch,
      int r,
      int[][] lists,
      int unit,
      float scale,
      double cap) {
    int headDim = kv.geometry().headDim();
    int pageSize = kv.geometry().pageSize();
    int heads = q.length / headDim;
    int group = heads / kv.geometry().kvHeads();
    int span = Arrays.binarySearch(batch.spanRows(), r);
    span = span >= 0 ? span : -span - 2;
    int position = batch.positions()[r];
    float[] out = new float[q.length];
    float[] logSumExp = new float[heads];
    long tokens = 0;
    for (int h = 0; h < heads; h++) {
      double[] weighted = new double[headDim];
      double sum = 0;
      for (int entry : lists[h / group]) {
        int page = batch.pageTable()[batch.spanPages()[span] + entry * unit / pageSize];
        for (int at = entry * unit; at < (entry + 1) * unit; at++) {
          int slot = at % pageSize;
          if (at < kv.firstVisible(position) || at > position) {
            continue;
          }
          double logit = 0;
          for (int i = 0; i < headDim; i++) {
            logit += (double) q[h * headDim + i] * kv.key(page, h / group, slot)[i];
          }
          double scaled = cap == 0 ? scale * logit : cap * Math.tanh(scale * logit / cap);
          double weight = Math.exp(scaled); // small logits: no shift needed in double
          sum += weight;
          for (int i = 0; i < headDim; i++) {
            weighted[i] += weight * kv.value(page, h / group, slot)[i];
          }
          tokens += h % group == 0 ? 1 : 0;
        }
      }
      for (int i = 0; i < headDim; i++) {
        out[h * headDim + i] = (float) (weighted[i] / sum);
      }
      logSumExp[h] = (float) Math.log(sum);
    }
    return new Attended(out, logSumExp, tokens);
  }

  /** Sums over rows [from, to) of each query head's softmax: (Hq, columns). */
  double[][] columnMass(
      HostKv kv,
      float[][] q,
      RaggedBatch batch,
      RowRange rows,
      int columns,
      float scale,
      double cap) {
    int headDim = kv.geometry().headDim();
    int pageSize = kv.geometry().pageSize();
    int heads = q[0].length / headDim;
    int group = heads / kv.geometry().kvHeads();
    double[][] mass = new double[heads][columns];
    for (int r = rows.from(); r < rows.to(); r++) {
      int span = Arrays.binarySearch(batch.spanRows(), r);
      span = span >= 0 ? span : -span - 2;
      int position = batch.positions()[r];
      int first = kv.firstVisible(position);
      for (int h = 0; h < heads; h++) {
        double[] weights = new double[position + 1];
        double sum = 0;
        for (int at = first; at <= position; at++) {
          int page = batch.pageTable()[batch.spanPages()[span] + at / pageSize];
          double logit = 0;
          for (int i = 0; i < headDim; i++) {
            logit += (double) q[r][h * headDim + i] * kv.key(page, h / group, at % pageSize)[i];
          }
          weights[at] = Math.exp(cap == 0 ? scale * logit : cap * Math.tanh(scale * logit / cap));
          sum += weights[at];
        }
        for (int at = first; at <= Math.min(position, columns - 1); at++) {
          mass[h][at] += weights[at] / sum;
        }
      }
    }
    return mass;
  }

  float[][] siluMul(float[][] gateUp) {
    int channels = gateUp[0].length / 2;
    float[][] out = new float[gateUp.length][channels];
    for (int r = 0; r < out.length; r++) {
      for (int i = 0; i < channels; i++) {
        double gate = gateUp[r][i];
        out[r][i] = (float) (gate / (1 + Math.exp(-gate)) * gateUp[r][channels + i]);
      }
    }
    return out;
  }

  float[][] geluMul(float[][] gateUp) {
    int channels = gateUp[0].length / 2;
    float[][] out = new float[gateUp.length][channels];
    for (int r = 0; r < out.length; r++) {
      for (int i = 0; i < channels; i++) {
        double x = gateUp[r][i];
        double bent = Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x));
        out[r][i] = (float) (0.5 * x * (1 + bent) * gateUp[r][channels + i]);
      }
    }
    return out;
  }

  float[][] xielu(float[][] x, double square, double exponential, double slope) {
    return each(
        x,
        v -> v > 0 ? square * v * v + slope * v : exponential * (Math.exp(v) - 1 - v) + slope * v);
  }

  float[][] softCap(float[][] x, double cap) {
    return each(x, v -> cap * Math.tanh(v / cap));
  }

  float[][] scale(float[][] x, double factor) {
    return each(x, v -> v * factor);
  }

  private static float[][] each(float[][] x, DoubleUnaryOperator function) {
    float[][] out = new float[x.length][x[0].length];
    for (int r = 0; r < x.length; r++) {
      for (int i = 0; i < x[r].length; i++) {
        out[r][i] = (float) function.applyAsDouble(x[r][i]);
      }
    }
    return out;
  }

  float[][] add(float[][] x, float[][] y) {
    float[][] out = new float[x.length][x[0].length];
    for (int r = 0; r < x.length; r++) {
      for (int i = 0; i < x[r].length; i++) {
        out[r][i] = x[r][i] + y[r][i];
      }
    }
    return out;
  }

  float[][] routeExperts(float[][] logits, int perRow, boolean normalise) {
    float[][] choice = new float[logits.length][2 * perRow];
    for (int r = 0; r < logits.length; r++) {
      float[] row = logits[r];
      List<Integer> order = new ArrayList<>();
      for (int e = 0; e < row.length; e++) {
        order.add(e);
      }
      order.sort(Comparator.comparingDouble((Integer e) -> -row[e]).thenComparing(e -> e));
      double sum = 0;
      for (int e : normalise ? order.subList(0, perRow) : order) {
        sum += Math.exp(row[e]);
      }
      for (int j = 0; j < perRow; j++) {
        choice[r][j] = order.get(j);
        choice[r][perRow + j] = (float) (Math.exp(row[order.get(j)]) / sum);
      }
    }
    return choice;
  }

  /**
   * The experts' weights [expert][n][k]; x has a row for each row of the choice, or for each pair.
   */
  float[][] linearExperts(float[][] x, float[][] choice, float[][][] weights) {
    int perRow = choice[0].length / 2;
    float[][] out = new float[choice.length * perRow][];
    for (int p = 0; p < out.length; p++) {
      float[] row = x[x.length == out.length ? p : p / perRow];
      float[][] weight = weights[(int) choice[p / perRow][p % perRow]];
      out[p] = linear(new float[][] {row}, weight, new float[weight.length], DType.F32)[0];
    }
    return out;
  }

  float[][] mixExperts(float[][] x, float[][] choice) {
    int perRow = choice[0].length / 2;
    float[][] out = new float[choice.length][x[0].length];
    for (int r = 0; r < out.length; r++) {
      for (int i = 0; i < out[r].length; i++) {
        double sum = 0;
        for (int j = 0; j < perRow; j++) {
          sum += (double) choice[r][perRow + j] * x[r * perRow + j][i];
        }
        out[r][i] = (float) sum;
      }
    }
    return out;
  }

  float[][] gatherRows(float[][] x, RaggedBatch batch) {
    return Arrays.stream(batch.logitRows()).mapToObj(r -> x[r].clone()).toArray(float[][]::new);
  }
}
