package dev.questspark.engine.ops.cuda;

import static dev.questspark.engine.ops.cuda.driver.CudaShapes.ceilDiv;

import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cuda.driver.CudaKernels;
import dev.questspark.engine.ops.cuda.step.Launch;

/** The ops of a mixture of experts as launches. */
final class CudaExpertOps {
  /** Output features that a block of {@code linear_experts} computes. */
  private static final int FEATURES = 32;

  private final Launch launch;

  CudaExpertOps(Launch launch) {
    this.launch = launch;
  }

  void routeExperts(Tensor choice, Tensor logits, boolean normalise) {
    int perRow = choice.cols() / 2;
    OpArguments.require("choice", choice, logits.rows(), 2 * Math.min(perRow, logits.cols()));
    launch
        .of(CudaKernels.ROUTE_EXPERTS)
        .out(choice)
        .in(logits)
        .integer(logits.cols())
        .integer(perRow)
        .integer(normalise ? 1 : 0)
        .integer(choice.rowStride())
        .integer(logits.rowStride())
        .grid(logits.rows(), 1, 1, 32, 0);
  }

  void linearExperts(Tensor out, Tensor x, Tensor choice, CudaLinearWeight experts) {
    Tensor weight = experts.weight();
    int perRow = choice.cols() / 2;
    int pairs = choice.rows() * perRow;
    int shared = pairs == x.rows() ? 1 : perRow; // pairs that read one row of x
    OpArguments.require("x", x, pairs / shared, weight.cols());
    OpArguments.require("out", out, pairs, out.cols());
    launch
        .of(CudaKernels.LINEAR_EXPERTS.of(out.dtype(), weight.dtype()))
        .out(out)
        .in(x)
        .in(choice)
        .in(weight)
        .integer(pairs)
        .integer(perRow)
        .integer(shared)
        .integer(out.cols())
        .integer(weight.cols())
        .integer(out.rowStride())
        .integer(x.rowStride())
        .integer(choice.rowStride())
        .integer(weight.rowStride())
        .grid(ceilDiv(out.cols(), FEATURES), weight.rows() / out.cols(), 1, 256, 0);
  }

  void mixExperts(Tensor out, Tensor x, Tensor choice) {
    int perRow = choice.cols() / 2;
    OpArguments.require("x", x, out.rows() * perRow, out.cols());
    OpArguments.require("choice", choice, out.rows(), choice.cols());
    launch
        .of(CudaKernels.MIX_EXPERTS.of(out.dtype()))
        .out(out)
        .in(x)
        .in(choice)
        .integer(perRow)
        .integer(out.cols())
        .integer(out.rowStride())
        .integer(x.rowStride())
        .integer(choice.rowStride())
        .grid(ceilDiv(out.cols(), 256), out.rows(), 1, 256, 0);
  }
}
