package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.cpu.memory.NativeMemory;
import java.util.List;
import java.util.Optional;

/**
 * A weight (N, K) as panels in one block of memory.
 *
 * @param dtype of the panels
 * @param bytes of the panels and of what stands beside them, per output feature
 */
record PackedWeight(
    List<Panel> panels,
    DType dtype,
    int outFeatures,
    int inFeatures,
    long bytes,
    NativeMemory space)
    implements LinearWeight {

  /**
   * Output columns [from, from + columns).
   *
   * @param tiled the product with rows in the panel's arithmetic
   * @param widening for panels in bf16 under rows in f32
   * @param single a second way for single rows
   */
  record Panel(
      int from,
      int columns,
      TiledMatmul tiled,
      Optional<Bf16WeightMatmul> widening,
      TiledMatmul.Weight weight,
      Optional<SingleRowMatmul.Panel> single) {}

  @Override
  public void close() {
    panels.forEach(panel -> panel.weight().close());
    space.close();
  }
}
