package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.Tensor;
import java.util.List;
import java.util.Optional;

/** How this backend multiplies matrices: oneDNN where its native library loads, else Java. */
public interface Gemm extends AutoCloseable {
  /** Name and arithmetic, for {@code describe()}. */
  String describe();

  /** Packs weights (N_i, K), one below the other; biases empty or one (1, N_i) per weight. */
  LinearWeight pack(List<HostTensor> weights, List<HostTensor> biases);

  /** out (R, N) = x (R, K) . weight (N, K)^T + bias. */
  void linear(Tensor out, Tensor x, LinearWeight weight);

  /** The packed weight's rows as a table for embed, if it can be read back. */
  Optional<Tensor> rowsOf(LinearWeight weight);

  @Override
  void close();
}
