package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cuda.driver.CudaKernels;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import dev.questspark.engine.ops.cuda.driver.Readback;
import dev.questspark.engine.ops.cuda.step.Launch;
import java.nio.ByteBuffer;

/** The op {@code argmax}: four bytes a row come to the host instead of a row of logits. */
final class GreedyTokens implements AutoCloseable {
  private static final int THREADS = 1024;

  private final Readback readback;
  private final Launch launch;
  private final int maxRows;
  private final DeviceBuffer tokens;

  GreedyTokens(DevicePool pool, Readback readback, Launch launch, int maxRows) {
    this.readback = readback;
    this.launch = launch;
    this.maxRows = maxRows;
    this.tokens = pool.allocate((long) Integer.BYTES * maxRows);
  }

  void argmax(int[] target, Tensor logits) {
    OpArguments.require("logits", logits, target.length, logits.cols());
    if (target.length > maxRows) {
      throw new IllegalArgumentException(
          "logits of " + target.length + " rows; the backend was opened for " + maxRows);
    }
    launch
        .of(CudaKernels.ARGMAX)
        .outInts(tokens.address())
        .in(logits)
        .integer(logits.cols())
        .integer(logits.rowStride())
        .grid(target.length, 1, 1, THREADS, 0);
    ByteBuffer read = readback.read(tokens, 0, (long) Integer.BYTES * target.length);
    for (int row = 0; row < target.length; row++) {
      target[row] = read.getInt(Integer.BYTES * row);
    }
  }

  @Override
  public void close() {
    tokens.close();
  }
}
