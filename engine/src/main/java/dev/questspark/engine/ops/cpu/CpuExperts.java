package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.gemm.Gemm;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import java.util.List;

/**
 * The ops of a mixture of experts: routeExperts, linearExperts, mixExperts. The rows of one expert
 * are gathered, multiplied as any others, and put back.
 */
final class CpuExperts {
  private final Workers workers;
  private final Gemm gemm;
  private int[] rows = new int[0]; // of the expert at hand
  private Tensor gathered;
  private Tensor product;

  CpuExperts(Workers workers, Gemm gemm) {
    this.workers = workers;
    this.gemm = gemm;
  }

  /** One packed weight per expert. */
  record Packed(List<LinearWeight> each) implements LinearWeight {
    @Override
    public int outFeatures() {
      return each.size() * featuresOfOne();
    }

    int featuresOfOne() {
      return each.get(0).outFeatures();
    }

    @Override
    public int inFeatures() {
      return each.get(0).inFeatures();
    }

    @Override
    public long bytes() {
      return each.stream().mapToLong(LinearWeight::bytes).sum();
    }

    @Override
    public void close() {
      each.forEach(LinearWeight::close);
    }
  }

  void routeExperts(Tensor choice, Tensor logits, boolean normalise) {
    int perRow = choice.cols() / 2;
    int experts = logits.cols();
    OpArguments.require("choice", choice, logits.rows(), 2 * Math.min(perRow, experts));
    float[] from = HeapBuffer.floats(logits);
    float[] to = HeapBuffer.floats(choice);
    workers.run(
        logits.rows(),
        (long) perRow * experts,
        (row, worker) -> {
          int at = HeapBuffer.at(logits, row);
          int target = HeapBuffer.at(choice, row);
          for (int j = 0; j < perRow; j++) {
            int best = -1;
            for (int e = 0; e < experts; e++) {
              boolean larger = best < 0 || from[at + e] > from[at + best];
              best = larger && !taken(to, target, j, e) ? e : best;
            }
            to[target + j] = best;
          }
          weigh(from, at, experts, to, target, perRow, normalise);
        });
  }

  private static boolean taken(float[] choice, int at, int count, int expert) {
    for (int j = 0; j < count; j++) {
      if (choice[at + j] == expert) {
        return true;
      }
    }
    return false;
  }

  /** Softmax over all experts, or over those chosen: the others cancel out. */
  private static void weigh(
      float[] logits, int at, int experts, float[] choice, int target, int k, boolean normalise) {
    float largest = logits[at + (int) choice[target]];
    double sum = 0;
    for (int i = 0; i < (normalise ? k : experts); i++) {
      int expert = normalise ? (int) choice[target + i] : i;
      sum += Math.exp(logits[at + expert] - largest);
    }
    for (int j = 0; j < k; j++) {
      float logit = logits[at + (int) choice[target + j]];
      choice[target + k + j] = (float) (Math.exp(logit - largest) / sum);
    }
  }

  void linearExperts(Tensor out, Tensor x, Tensor choice, LinearWeight weights) {
    if (!(weights instanceof Packed packed)) {
      throw new IllegalArgumentException("the experts were packed by another backend");
    }
    int perRow = choice.cols() / 2;
    int pairs = choice.rows() * perRow;
    int shared = pairs == x.rows() ? 1 : perRow; // pairs that read one row of x
    OpArguments.require("x", x, pairs / shared, packed.inFeatures());
    OpArguments.require("out", out, pairs, packed.featuresOfOne());
    grow(pairs, packed);
    float[] chosen = HeapBuffer.floats(choice);
    for (int expert = 0; expert < packed.each().size(); expert++) {
      int count = 0;
      for (int pair = 0; pair < pairs; pair++) {
        if (chosen[HeapBuffer.at(choice, pair / perRow) + pair % perRow] == expert) {
          rows[count++] = pair;
        }
      }
      if (count > 0) {
        Tensor input = gathered.cols(0, packed.inFeatures()).rows(0, count);
        Tensor output = product.cols(0, packed.featuresOfOne()).rows(0, count);
        for (int i = 0; i < count; i++) {
          copy(x, rows[i] / shared, input, i);
        }
        gemm.linear(output, input, packed.each().get(expert));
        for (int i = 0; i < count; i++) {
          copy(output, i, out, rows[i]);
        }
      }
    }
  }

  private void grow(int pairs, Packed packed) {
    if (rows.length < pairs) {
      rows = new int[pairs];
    }
    gathered = grown(gathered, pairs, packed.inFeatures());
    product = grown(product, pairs, packed.featuresOfOne());
  }

  private static Tensor grown(Tensor tensor, int rows, int cols) {
    if (tensor != null && tensor.rows() >= rows && tensor.cols() >= cols) {
      return tensor;
    }
    int most = tensor == null ? cols : Math.max(cols, tensor.cols());
    long count = (long) rows * most;
    Object array = HeapBuffer.array(DType.F32, count);
    return new Tensor(new HeapBuffer(array, DType.F32, 0, count), DType.F32, 0, rows, most, most);
  }

  private static void copy(Tensor from, int fromRow, Tensor to, int toRow) {
    System.arraycopy(
        HeapBuffer.floats(from),
        HeapBuffer.at(from, fromRow),
        HeapBuffer.floats(to),
        HeapBuffer.at(to, toRow),
        from.cols());
  }

  void mixExperts(Tensor out, Tensor x, Tensor choice) {
    int perRow = choice.cols() / 2;
    OpArguments.require("x", x, out.rows() * perRow, out.cols());
    OpArguments.require("choice", choice, out.rows(), choice.cols());
    float[] from = HeapBuffer.floats(x);
    float[] to = HeapBuffer.floats(out);
    float[] weights = HeapBuffer.floats(choice);
    workers.run(
        out.rows(),
        (long) perRow * out.cols(),
        (row, worker) -> {
          int target = HeapBuffer.at(out, row);
          int weight = HeapBuffer.at(choice, row) + perRow;
          for (int i = 0; i < out.cols(); i++) {
            to[target + i] = 0;
          }
          for (int j = 0; j < perRow; j++) {
            int source = HeapBuffer.at(x, row * perRow + j);
            for (int i = 0; i < out.cols(); i++) {
              to[target + i] += weights[weight + j] * from[source + i];
            }
          }
        });
  }
}
