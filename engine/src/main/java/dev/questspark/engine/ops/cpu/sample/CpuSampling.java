package dev.questspark.engine.ops.cpu.sample;

import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.sample.RowSampling;
import java.util.BitSet;

/** The op {@code sample}, rows side by side. */
public final class CpuSampling {
  private static final long COST_PER_TOKEN = 8;

  private final Workers workers;
  private final RowSampler[] samplers;

  public CpuSampling(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.samplers = new RowSampler[simd.length];
    for (int worker = 0; worker < simd.length; worker++) {
      samplers[worker] = new RowSampler(simd[worker]);
    }
  }

  /** See {@link dev.questspark.engine.ops.backend.Backend#sample}. */
  public void sample(int[] tokens, Tensor logits, RowSampling[] rows) {
    OpArguments.require("logits", logits, tokens.length, logits.cols());
    float[] values = HeapBuffer.floats(logits);
    int vocabulary = logits.cols();
    workers.run(
        tokens.length,
        COST_PER_TOKEN * vocabulary,
        (row, worker) -> {
          if (rows[row] != null) {
            int from = HeapBuffer.at(logits, row);
            penalise(values, from, vocabulary, rows[row]);
            tokens[row] = samplers[worker].sample(values, from, vocabulary, rows[row]);
          }
        });
  }

  private static void penalise(float[] logits, int from, int vocabulary, RowSampling row) {
    float penalty = row.repetitionPenalty();
    if (penalty == 1) {
      return;
    }
    BitSet seen = row.seen();
    for (int id = seen.nextSetBit(0); id >= 0 && id < vocabulary; id = seen.nextSetBit(id + 1)) {
      float logit = logits[from + id];
      logits[from + id] = logit > 0 ? logit / penalty : logit * penalty;
    }
  }

  /**
   * The index of the largest logit, ties to the lowest; -1 - the lowest index of a NaN where there
   * is one.
   */
  public static int argmax(float[] logits, int from, int count) {
    int best = 0;
    for (int id = 0; id < count; id++) {
      float logit = logits[from + id];
      if (Float.isNaN(logit)) {
        return -1 - id;
      }
      if (logit > logits[from + best]) {
        best = id;
      }
    }
    return best;
  }
}
