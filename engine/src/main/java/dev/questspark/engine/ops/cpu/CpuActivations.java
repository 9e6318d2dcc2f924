package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.simd.SimdOps;

/** The ops that bend every number by itself: siluMul, geluMul, xielu, softCap. */
final class CpuActivations {
  /** Channels of one task: rows are cut as well, since a decode step has few of them. */
  private static final int CHANNELS = 2048;

  private static final float SQRT_2_OVER_PI = 0.7978845608028654f;
  private static final float CUBIC = 0.044715f; // of gelu's approximation

  private final Workers workers;
  private final SimdOps[] simd;
  private final float[][] scratch; // a worker's gates, then its factors

  CpuActivations(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.simd = simd;
    this.scratch = new float[workers.threads()][2 * CHANNELS];
  }

  void siluMul(Tensor out, Tensor gateUp) {
    float[] from = HeapBuffer.floats(gateUp);
    float[] to = HeapBuffer.floats(out);
    OpArguments.require("gateUp", gateUp, out.rows(), 2 * out.cols());
    pieces(
        out,
        (row, first, count, worker) -> {
          int gate = HeapBuffer.at(gateUp, row) + first;
          int target = HeapBuffer.at(out, row) + first;
          simd[worker].siluMul(to, target, from, gate, gate + out.cols(), count);
        });
  }

  /**
   * gelu(x) = x / (1 + exp(-2u)) with u = sqrt(2 / pi) (x + 0.044715 x^3): silu(2u) * x / (2u), of
   * which the last factor has no singularity.
   */
  void geluMul(Tensor out, Tensor gateUp) {
    float[] from = HeapBuffer.floats(gateUp);
    float[] to = HeapBuffer.floats(out);
    OpArguments.require("gateUp", gateUp, out.rows(), 2 * out.cols());
    pieces(
        out,
        (row, first, count, worker) -> {
          float[] bent = scratch[worker];
          int gate = HeapBuffer.at(gateUp, row) + first;
          int up = gate + out.cols();
          for (int i = 0; i < count; i++) {
            float x = from[gate + i];
            float slope = 2 * SQRT_2_OVER_PI * (1 + CUBIC * x * x); // 2u / x
            bent[i] = slope * x;
            bent[CHANNELS + i] = from[up + i] / slope;
          }
          int target = HeapBuffer.at(out, row) + first;
          simd[worker].siluMul(to, target, bent, 0, CHANNELS, count);
        });
  }

  void xielu(Tensor x, float square, float exponential, float slope) {
    float[] values = HeapBuffer.floats(x);
    pieces(
        x,
        (row, first, count, worker) -> {
          int from = HeapBuffer.at(x, row) + first;
          for (int i = from; i < from + count; i++) {
            float value = values[i];
            if (value > 0) {
              values[i] = square * value * value + slope * value;
            } else if (exponential == 0) {
              values[i] = slope * value;
            } else {
              double below = Math.expm1(value) - value;
              values[i] = (float) (exponential * below + (double) slope * value);
            }
          }
        });
  }

  void softCap(Tensor x, float cap) {
    float[] values = HeapBuffer.floats(x);
    pieces(
        x,
        (row, first, count, worker) -> {
          int from = HeapBuffer.at(x, row) + first;
          for (int i = from; i < from + count; i++) {
            values[i] = (float) (cap * (1 - 2 / (1 + Math.exp(2.0 * values[i] / cap)))); // tanh
          }
        });
  }

  private interface Piece {
    void run(int row, int first, int count, int worker);
  }

  private void pieces(Tensor x, Piece piece) {
    int channels = x.cols();
    int pieces = (channels + CHANNELS - 1) / CHANNELS;
    workers.run(
        x.rows() * pieces,
        8L * Math.min(channels, CHANNELS),
        (task, worker) -> {
          int first = task % pieces * CHANNELS;
          piece.run(task / pieces, first, Math.min(CHANNELS, channels - first), worker);
        });
  }
}
