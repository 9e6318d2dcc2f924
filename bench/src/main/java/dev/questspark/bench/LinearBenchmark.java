package dev.questspark.bench;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.cpu.CpuBackend;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * The op {@code linear} alone, for one shape: arithmetic per second at many rows, bytes of weight
 * per second at one. Calls rotate through several weights, more than the caches hold.
 */
final class LinearBenchmark {
  private static final long WEIGHT_BYTES = 256 << 20;

  private LinearBenchmark() {}

  static void run(Arguments arguments) {
    int rows = arguments.number("rows", 512);
    int n = arguments.number("out", 9728);
    int k = arguments.number("in", 896);
    int rounds = arguments.number("rounds", 15);
    try (Backend backend = CpuBackend.open(arguments.backend())) {
      HostTensor host = weight(n, k);
      List<LinearWeight> weights = new ArrayList<>();
      while (weights.size() * 2L * n * k < WEIGHT_BYTES) {
        weights.add(backend.pack(List.of(host), List.of()));
      }
      Tensor x = backend.allocate(backend.activationDType(), rows, k);
      Tensor out = backend.allocate(backend.activationDType(), rows, n);
      double[] seconds = new double[rounds];
      for (int round = -3; round < rounds; round++) {
        long start = System.nanoTime();
        for (LinearWeight weight : weights) {
          backend.ops().linear(out, x, weight);
        }
        if (round >= 0) {
          seconds[round] = (System.nanoTime() - start) / 1e9 / weights.size();
        }
      }
      double median = Measurement.median(seconds);
      new Measurement("linear")
          .with("rows", rows)
          .with("out", n)
          .with("in", k)
          .with("backend", backend.describe())
          .with("ms", median * 1e3)
          .with("weight_bytes_per_s", weights.get(0).bytes() / median)
          .print(2.0 * rows * n * k / median / 1e9, "GFLOP/s");
      weights.forEach(LinearWeight::close);
    }
  }

  private static HostTensor weight(int n, int k) {
    Random random = new Random(1);
    ByteBuffer data = ByteBuffer.allocateDirect(n * k * 2).order(ByteOrder.LITTLE_ENDIAN);
    while (data.hasRemaining()) {
      data.putShort(DType.floatToBf16((float) random.nextGaussian()));
    }
    return new HostTensor("noise", DType.BF16, n, k, data.flip());
  }
}
