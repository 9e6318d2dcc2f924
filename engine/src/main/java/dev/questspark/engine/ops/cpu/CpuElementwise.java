package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.gemm.TableRows;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.simd.SimdOps;

/** The ops that look at one row at a time: embed, rmsNorm, addRmsNorm, siluMul, gatherRows. */
final class CpuElementwise {
  /** Channels of one task of siluMul. */
  private static final int SILU_CHANNELS = 2048;

  private final Workers workers;
  private final SimdOps[] simd;

  CpuElementwise(Workers workers, SimdOps[] simd) {
    this.workers = workers;
    this.simd = simd;
  }

  void embed(Tensor out, Tensor table, LoadedBatch batch) {
    int[] tokens = batch.host().tokens();
    int channels = table.cols();
    OpArguments.require("out", out, tokens.length, channels);
    float[] to = HeapBuffer.floats(out);
    workers.run(
        tokens.length,
        channels,
        (row, worker) -> {
          int token = tokens[row];
          if (token < 0 || token >= table.rows()) {
            throw new IllegalArgumentException(
                "token " + token + " of row " + row + "; the vocabulary has " + table.rows());
          }
          int target = HeapBuffer.at(out, row);
          if (table.buffer() instanceof TableRows rows) {
            rows.read(token, to, target);
          } else if (table.dtype() == DType.BF16) {
            int from = HeapBuffer.at(table, token);
            simd[worker].widen(HeapBuffer.bf16s(table), from, to, target, channels);
          } else {
            System.arraycopy(
                HeapBuffer.floats(table), HeapBuffer.at(table, token), to, target, channels);
          }
        });
  }

  void rmsNorm(Tensor out, Tensor x, Tensor weight, float eps) {
    int channels = weight.cols();
    if (x.cols() % channels != 0) {
      throw new IllegalArgumentException(
          "x has " + x.cols() + " columns, no multiple of the weight's " + channels);
    }
    OpArguments.require("out", out, x.rows(), x.cols());
    int groups = x.cols() / channels;
    float[] from = HeapBuffer.floats(x);
    float[] to = HeapBuffer.floats(out);
    workers.run(
        x.rows(),
        2L * x.cols(),
        (row, worker) -> {
          for (int g = 0; g < groups; g++) {
            int source = HeapBuffer.at(x, row) + g * channels;
            int target = HeapBuffer.at(out, row) + g * channels;
            norm(simd[worker], to, target, from, source, weight, eps);
          }
        });
  }

  void addRmsNorm(Tensor out, Tensor x, Tensor y, Tensor weight, float eps) {
    int channels = weight.cols();
    OpArguments.require("x", x, x.rows(), channels);
    OpArguments.require("y", y, x.rows(), channels);
    OpArguments.require("out", out, x.rows(), channels);
    float[] sum = HeapBuffer.floats(x);
    float[] term = HeapBuffer.floats(y);
    float[] to = HeapBuffer.floats(out);
    workers.run(
        x.rows(),
        3L * channels,
        (row, worker) -> {
          int target = HeapBuffer.at(x, row);
          int source = HeapBuffer.at(y, row);
          for (int i = 0; i < channels; i++) {
            sum[target + i] += term[source + i];
          }
          norm(simd[worker], to, HeapBuffer.at(out, row), sum, target, weight, eps);
        });
  }

  private static void norm(
      SimdOps simd, float[] to, int target, float[] from, int source, Tensor weight, float eps) {
    int channels = weight.cols();
    float[] gain = HeapBuffer.floats(weight);
    int gainFrom = HeapBuffer.at(weight, 0);
    float squares = simd.dot(from, source, from, source, channels);
    float scale = (float) (1.0 / Math.sqrt(squares / channels + eps));
    for (int i = 0; i < channels; i++) {
      to[target + i] = from[source + i] * scale * gain[gainFrom + i];
    }
  }

  void siluMul(Tensor out, Tensor gateUp) {
    int channels = out.cols();
    OpArguments.require("gateUp", gateUp, out.rows(), 2 * channels);
    float[] from = HeapBuffer.floats(gateUp);
    float[] to = HeapBuffer.floats(out);
    // Rows are cut as well: a decode step has one, and an exponential per channel.
    int pieces = (channels + SILU_CHANNELS - 1) / SILU_CHANNELS;
    workers.run(
        out.rows() * pieces,
        8L * Math.min(channels, SILU_CHANNELS),
        (task, worker) -> {
          int row = task / pieces;
          int first = task % pieces * SILU_CHANNELS;
          int gate = HeapBuffer.at(gateUp, row) + first;
          int target = HeapBuffer.at(out, row) + first;
          int count = Math.min(SILU_CHANNELS, channels - first);
          simd[worker].siluMul(to, target, from, gate, gate + channels, count);
        });
  }

  void gatherRows(Tensor out, Tensor x, LoadedBatch batch) {
    int[] rows = batch.host().logitRows();
    OpArguments.require("out", out, rows.length, x.cols());
    OpArguments.require("x", x, batch.host().rows(), x.cols());
    float[] from = HeapBuffer.floats(x);
    float[] to = HeapBuffer.floats(out);
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(from, HeapBuffer.at(x, rows[i]), to, HeapBuffer.at(out, i), x.cols());
    }
  }
}
