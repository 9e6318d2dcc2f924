package dev.questspark.engine.ops.cuda;

import static jcuda.jcublas.cublasComputeType.CUBLAS_COMPUTE_32F;
import static jcuda.jcublas.cublasGemmAlgo.CUBLAS_GEMM_DEFAULT;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_N;
import static jcuda.jcublas.cublasOperation.CUBLAS_OP_T;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cuda.driver.CudaContext;
import dev.questspark.engine.ops.cuda.driver.CudaStream;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import dev.questspark.engine.ops.cuda.driver.Kernel;
import dev.questspark.engine.ops.cuda.driver.KernelFamily;
import dev.questspark.engine.ops.cuda.driver.LaunchRecorder;
import dev.questspark.engine.ops.cuda.step.Launch;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import jcuda.CudaException;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.runtime.cudaStream_t;

/**
 * {@code linear} by cuBLAS, where the host has libcublas.so.12. Its algorithm follows the shape, so
 * a row's bits follow the batch: not for batch-invariant runs. Our kernel takes what cuBLAS does
 * not offer: a bias, and float activations on bfloat16 weights.
 */
final class CublasGemm implements CudaGemm {
  /** What NVIDIA recommends for compute capability 9.0; a graph cannot capture an allocation. */
  private static final long WORKSPACE_BYTES = 32L << 20;

  /** JCuda's pointer to a device address. */
  private static final class RawPointer extends Pointer {
    RawPointer(long address) {
      super(address);
    }
  }

  /** One combination of element types, as a recorded call. */
  private final class Call implements LaunchRecorder.LibraryCall {
    private final Kernel declaration;
    private final DType x;
    private final DType out;

    Call(int index, DType out, DType x) {
      this.out = out;
      this.x = x;
      String type = KernelFamily.typeOf(x);
      this.declaration =
          new Kernel(
              index,
              "cublasGemmEx",
              Kernel.parameters(
                  KernelFamily.typeOf(out)
                      + "* out, const "
                      + type
                      + "* x, const "
                      + type
                      + "* weight, int rows, int outFeatures, int inFeatures, int outStride,"
                      + " int xStride, int weightStride"));
    }

    @Override
    public Kernel declaration() {
      return declaration;
    }

    /**
     * cuBLAS reads matrices column by column, so a row-major (R, K) is its (K, R): out^T (N, R) =
     * weight (K, N)^T . x (K, R).
     */
    @Override
    public void issue(long[] words, int from) {
      int rows = (int) words[from + 3];
      int outFeatures = (int) words[from + 4];
      int inFeatures = (int) words[from + 5];
      JCublas2.cublasGemmEx_new(
          handle,
          CUBLAS_OP_T,
          CUBLAS_OP_N,
          outFeatures,
          rows,
          inFeatures,
          one,
          new RawPointer(words[from + 2]),
          dataType(x),
          (int) words[from + 8],
          new RawPointer(words[from + 1]),
          dataType(x),
          (int) words[from + 7],
          zero,
          new RawPointer(words[from]),
          dataType(out),
          (int) words[from + 6],
          CUBLAS_COMPUTE_32F,
          CUBLAS_GEMM_DEFAULT);
    }
  }

  private final CudaContext context;
  private final Launch launch;
  private final KernelGemm ours;
  private final DeviceBuffer workspace;
  private final cublasHandle handle = new cublasHandle();
  private final Pointer one = Pointer.to(new float[] {1});
  private final Pointer zero = Pointer.to(new float[] {0});
  private final Map<DType, Map<DType, Call>> calls = new EnumMap<>(DType.class);
  private final int version;

  private CublasGemm(
      CudaContext context,
      DevicePool pool,
      CudaStream stream,
      LaunchRecorder recorder,
      Launch launch,
      KernelGemm ours) {
    this.context = context;
    this.launch = launch;
    this.ours = ours;
    int[] found = new int[1];
    this.workspace = pool.allocate(WORKSPACE_BYTES);
    try {
      context.run(
          "opening cuBLAS",
          () -> {
            JCublas2.cublasCreate(handle);
            JCublas2.cublasGetVersion(handle, found);
            JCublas2.cublasSetStream(handle, new cudaStream_t(stream.handle()));
            JCublas2.cublasSetWorkspace(handle, workspace.pointer(0), WORKSPACE_BYTES);
          });
    } catch (RuntimeException e) {
      workspace.close();
      throw e;
    }
    this.version = found[0];
    declare(recorder, DType.F32, DType.F32);
    declare(recorder, DType.F32, DType.BF16);
    declare(recorder, DType.BF16, DType.BF16);
  }

  private void declare(LaunchRecorder recorder, DType out, DType x) {
    Call call = new Call(recorder.nextLibraryIndex(), out, x);
    recorder.register(call);
    calls.computeIfAbsent(out, key -> new EnumMap<>(DType.class)).put(x, call);
  }

  /** cuBLAS, if this host has it. */
  static Optional<CudaGemm> open(
      CudaContext context,
      DevicePool pool,
      CudaStream stream,
      LaunchRecorder recorder,
      Launch launch,
      KernelGemm ours) {
    try {
      JCublas2.setExceptionsEnabled(true);
    } catch (UnsatisfiedLinkError | NoClassDefFoundError e) {
      return Optional.empty();
    }
    return Optional.of(new CublasGemm(context, pool, stream, recorder, launch, ours));
  }

  @Override
  public String describe() {
    return "cuBLAS " + version / 10_000 + "." + version / 100 % 100 + " (our kernel under a bias)";
  }

  @Override
  public void linear(Tensor out, Tensor x, CudaLinearWeight weight) {
    Call call = calls.get(out.dtype()).get(x.dtype());
    if (weight.bias() != null || call == null || x.dtype() != weight.weight().dtype()) {
      ours.linear(out, x, weight);
      return;
    }
    launch
        .of(call.declaration())
        .out(out)
        .in(x)
        .in(weight.weight())
        .integer(x.rows())
        .integer(weight.outFeatures())
        .integer(weight.inFeatures())
        .integer(out.rowStride())
        .integer(x.rowStride())
        .integer(weight.weight().rowStride())
        .grid(Math.min(1, x.rows()), 1, 1, 0, 0); // cuBLAS chooses its own
  }

  private static int dataType(DType dtype) {
    return dtype == DType.F32 ? cudaDataType.CUDA_R_32F : cudaDataType.CUDA_R_16BF;
  }

  @Override
  public void close() {
    if (!context.lost()) {
      try {
        JCublas2.cublasDestroy(handle);
      } catch (CudaException e) {
        throw context.failure(e, "closing cuBLAS");
      }
    }
    workspace.close();
  }
}
