package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.gemm.TableRows;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.simd.SimdOps;

/** The ops that look at one row at a time: embed, the norms, scale, add, gatherRows. */
final class CpuElementwise {
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

  void scale(Tensor x, float factor) {
    float[] values = HeapBuffer.floats(x);
    workers.run(
        x.rows(),
        x.cols(),
        (row, worker) -> {
          int at = HeapBuffer.at(x, row);
          for (int i = at; i < at + x.cols(); i++) {
            values[i] *= factor;
          }
        });
  }

  void add(Tensor x, Tensor y) {
    OpArguments.require("y", y, x.rows(), x.cols());
    float[] sum = HeapBuffer.floats(x);
    float[] term = HeapBuffer.floats(y);
    workers.run(
        x.rows(),
        x.cols(),
        (row, worker) -> {
          int target = HeapBuffer.at(x, row);
          int source = HeapBuffer.at(y, row);
          for (int i = 0; i < x.cols(); i++) {
            sum[target + i] += term[source + i];
          }
        });
  }

  /** The row less its mean stands in {@code out} before its squares are summed. */
  void layerNorm(Tensor out, Tensor x, Tensor weight, Tensor bias, float eps) {
    int channels = weight.cols();
    OpArguments.require("x", x, x.rows(), channels);
    OpArguments.require("out", out, x.rows(), channels);
    OpArguments.require("bias", bias, 1, channels);
    float[] from = HeapBuffer.floats(x);
    float[] to = HeapBuffer.floats(out);
    float[] gain = HeapBuffer.floats(weight);
    float[] addend = HeapBuffer.floats(bias);
    int gainFrom = HeapBuffer.at(weight, 0);
    int addendFrom = HeapBuffer.at(bias, 0);
    workers.run(
        x.rows(),
        4L * channels,
        (row, worker) -> {
          int source = HeapBuffer.at(x, row);
          int target = HeapBuffer.at(out, row);
          double sum = 0;
          for (int i = 0; i < channels; i++) {
            sum += from[source + i];
          }
          float mean = (float) (sum / channels);
          for (int i = 0; i < channels; i++) {
            to[target + i] = from[source + i] - mean;
          }
          float squares = simd[worker].dot(to, target, to, target, channels);
          float scale = (float) (1.0 / Math.sqrt(squares / channels + eps));
          for (int i = 0; i < channels; i++) {
            to[target + i] = to[target + i] * scale * gain[gainFrom + i] + addend[addendFrom + i];
          }
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
