package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.Tensor;

/**
 * A packed weight on the device.
 *
 * @param weight (N, K), row by row, in the backend's dtype
 * @param bias (1, N) in float; null for none
 */
record CudaLinearWeight(Tensor weight, Tensor bias) implements LinearWeight {

  static CudaLinearWeight of(LinearWeight weight) {
    if (weight instanceof CudaLinearWeight cuda) {
      return cuda;
    }
    throw new IllegalArgumentException("the weight was packed by another backend");
  }

  @Override
  public int outFeatures() {
    return weight.rows();
  }

  @Override
  public int inFeatures() {
    return weight.cols();
  }

  @Override
  public long bytes() {
    return weight.buffer().bytes() + (bias == null ? 0 : bias.buffer().bytes());
  }

  @Override
  public void close() {
    weight.buffer().close();
    if (bias != null) {
      bias.buffer().close();
    }
  }
}
