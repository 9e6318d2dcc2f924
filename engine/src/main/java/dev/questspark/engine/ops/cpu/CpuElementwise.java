package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.Tensor;

/** The verbs that look at one row at a time: embed, rmsNorm, siluMul, add, gatherRows. */
final class CpuElementwise {
  private final Workers workers;

  CpuElementwise(Workers workers) {
    this.workers = workers;
  }

  void embed(Tensor out, Tensor table, LoadedBatch batch) {
    int[] tokens = batch.host().tokens();
    int channels = table.cols();
    Shapes.require("out", out, tokens.length, channels);
    float[] from = HeapFloats.of(table);
    float[] to = HeapFloats.of(out);
    workers.run(
        tokens.length,
        channels,
        (row, worker) -> {
          int token = tokens[row];
          if (token < 0 || token >= table.rows()) {
            throw new IllegalArgumentException(
                "token " + token + " of row " + row + "; the vocabulary has " + table.rows());
          }
          System.arraycopy(
              from, HeapFloats.at(table, token), to, HeapFloats.at(out, row), channels);
        });
  }

  void rmsNorm(Tensor out, Tensor x, Tensor weight, float eps) {
    int channels = weight.cols();
    if (x.cols() % channels != 0) {
      throw new IllegalArgumentException(
          "x has " + x.cols() + " columns, no multiple of the weight's " + channels);
    }
    Shapes.require("out", out, x.rows(), x.cols());
    int groups = x.cols() / channels;
    float[] from = HeapFloats.of(x);
    float[] to = HeapFloats.of(out);
    float[] gain = HeapFloats.of(weight);
    int gainFrom = HeapFloats.at(weight, 0);
    workers.run(
        x.rows(),
        2L * x.cols(),
        (row, worker) -> {
          for (int g = 0; g < groups; g++) {
            int source = HeapFloats.at(x, row) + g * channels;
            int target = HeapFloats.at(out, row) + g * channels;
            float squares = FloatLoops.dot(from, source, from, source, channels);
            float scale = (float) (1.0 / Math.sqrt(squares / channels + eps));
            for (int i = 0; i < channels; i++) {
              to[target + i] = from[source + i] * scale * gain[gainFrom + i];
            }
          }
        });
  }

  void siluMul(Tensor out, Tensor gateUp) {
    int channels = out.cols();
    Shapes.require("gateUp", gateUp, out.rows(), 2 * channels);
    float[] from = HeapFloats.of(gateUp);
    float[] to = HeapFloats.of(out);
    workers.run(
        out.rows(),
        8L * channels,
        (row, worker) -> {
          int gate = HeapFloats.at(gateUp, row);
          int target = HeapFloats.at(out, row);
          for (int i = 0; i < channels; i++) {
            float g = from[gate + i];
            to[target + i] = g / (1f + FloatLoops.exp(-g)) * from[gate + channels + i];
          }
        });
  }

  void add(Tensor x, Tensor y) {
    int channels = x.cols();
    Shapes.require("y", y, x.rows(), channels);
    float[] sum = HeapFloats.of(x);
    float[] term = HeapFloats.of(y);
    workers.run(
        x.rows(),
        channels,
        (row, worker) -> {
          int target = HeapFloats.at(x, row);
          int source = HeapFloats.at(y, row);
          for (int i = 0; i < channels; i++) {
            sum[target + i] += term[source + i];
          }
        });
  }

  void gatherRows(Tensor out, Tensor x, LoadedBatch batch) {
    int[] rows = batch.host().logitRows();
    Shapes.require("out", out, rows.length, x.cols());
    Shapes.require("x", x, batch.host().rows(), x.cols());
    float[] from = HeapFloats.of(x);
    float[] to = HeapFloats.of(out);
    for (int i = 0; i < rows.length; i++) {
      System.arraycopy(from, HeapFloats.at(x, rows[i]), to, HeapFloats.at(out, i), x.cols());
    }
  }
}
