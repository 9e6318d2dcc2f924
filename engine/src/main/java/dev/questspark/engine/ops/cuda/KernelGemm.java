package dev.questspark.engine.ops.cuda;

import static dev.questspark.engine.ops.cuda.driver.CudaShapes.ceilDiv;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cuda.driver.CudaDevice;
import dev.questspark.engine.ops.cuda.driver.CudaKernels;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.Kernel;
import dev.questspark.engine.ops.cuda.driver.KernelFamily;
import dev.questspark.engine.ops.cuda.step.Launch;

/**
 * Our own {@code linear}: needs nothing but the driver. All its tile shapes add the same products
 * in the same order, so a row's bits do not depend on the batch.
 */
final class KernelGemm implements CudaGemm {
  private static final int FEW_ROWS = 16;
  private static final int SOME_ROWS = 1024;

  /**
   * One of the tensor-core kernels, with what the head of {@code linear.cu} says about its launch.
   */
  private record Tiles(
      KernelFamily kernels, int rows, int cols, int threads, int depth, int stages) {

    /** Pipeline stages of rows of x and of the weight, each padded by eight elements. */
    int sharedBytes(DType x) {
      // All stages of float rows would not fit into what an sm_86 block may have.
      int fitting = x == DType.F32 && rows != M64.rows ? stages - 1 : stages;
      return fitting * (depth + 8) * (rows * x.bytes() + cols * 2);
    }
  }

  private static final Tiles M16 = new Tiles(CudaKernels.LINEAR_M16, 16, 32, 128, 128, 6);
  private static final Tiles M64 = new Tiles(CudaKernels.LINEAR_M64, 64, 128, 128, 32, 4);
  private static final Tiles M128 = new Tiles(CudaKernels.LINEAR_M128, 128, 256, 256, 32, 3);

  /** One of the warpgroup kernels, with what the head of {@code linear_wgmma.cu} says. */
  private record Warpgroups(KernelFamily kernels, int rows, int features, int threads, int panels) {

    /** The panels of 64 channels of all stages, and what aligns the first of them. */
    int sharedBytes() {
      return panels * (rows + features) * 128 + 1024;
    }
  }

  private static final Warpgroups WG_N16 =
      new Warpgroups(CudaKernels.LINEAR_WG_N16, 16, 64, 128, 18);
  private static final Warpgroups WG_N64 =
      new Warpgroups(CudaKernels.LINEAR_WG_N64, 64, 64, 128, 12);
  private static final Warpgroups WG = new Warpgroups(CudaKernels.LINEAR_WG, 128, 256, 256, 4);

  private final Launch launch;
  private final boolean warpgroups;

  /**
   * Launches through {@code launch}.
   *
   * @param warpgroups whether the GPU has {@link CudaDevice#warpgroups}
   */
  KernelGemm(Launch launch, boolean warpgroups) {
    this.launch = launch;
    this.warpgroups = warpgroups;
  }

  @Override
  public String describe() {
    return "our kernel";
  }

  @Override
  public void linear(Tensor out, Tensor x, CudaLinearWeight weight) {
    if (weight.weight().dtype() == DType.F32) {
      begin(CudaKernels.LINEAR_F32, out, x, weight)
          .grid(ceilDiv(x.rows(), 64), ceilDiv(weight.outFeatures(), 64), 1, 256, 0);
      return;
    }
    if (warpgroups && copiesWhole(x) && copiesWhole(weight.weight())) {
      Warpgroups groups = x.rows() <= FEW_ROWS ? WG_N16 : x.rows() <= WG_N64.rows ? WG_N64 : WG;
      int blocks = ceilDiv(x.rows(), groups.rows) * ceilDiv(weight.outFeatures(), groups.features);
      begin(groups.kernels.of(out.dtype(), x.dtype()), out, x, weight)
          .grid(blocks, 1, 1, groups.threads, groups.sharedBytes());
      return;
    }
    Tiles tiles = x.rows() <= FEW_ROWS ? M16 : x.rows() <= SOME_ROWS ? M64 : M128;
    begin(tiles.kernels.of(out.dtype(), x.dtype()), out, x, weight)
        .grid(
            ceilDiv(x.rows(), tiles.rows),
            ceilDiv(weight.outFeatures(), tiles.cols),
            1,
            tiles.threads,
            tiles.sharedBytes(x.dtype()));
  }

  /** Whether rows of bf16 are whole, aligned chunks of 16 bytes. */
  private static boolean copiesWhole(Tensor tensor) {
    return tensor.dtype() == DType.BF16
        && tensor.cols() % 8 == 0
        && tensor.rowStride() % 8 == 0
        && DeviceBuffer.addressOf(tensor) % 16 == 0;
  }

  private Launch begin(Kernel kernel, Tensor out, Tensor x, CudaLinearWeight weight) {
    return launch
        .of(kernel)
        .out(out)
        .in(x)
        .in(weight.weight())
        .inOrNull(weight.bias())
        .integer(x.rows())
        .integer(weight.outFeatures())
        .integer(weight.inFeatures())
        .integer(out.rowStride())
        .integer(x.rowStride())
        .integer(weight.weight().rowStride());
  }
}
