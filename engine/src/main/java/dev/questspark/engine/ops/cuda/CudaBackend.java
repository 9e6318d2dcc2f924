package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.KeyOrder;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.PageListShape;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorOps;
import dev.questspark.engine.ops.TensorShape;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.cuda.driver.CudaContext;
import dev.questspark.engine.ops.cuda.driver.CudaDevice;
import dev.questspark.engine.ops.cuda.driver.CudaStream;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import dev.questspark.engine.ops.cuda.driver.KernelModule;
import dev.questspark.engine.ops.cuda.driver.LaunchRecorder;
import dev.questspark.engine.ops.cuda.driver.Readback;
import dev.questspark.engine.ops.cuda.driver.WeightUpload;
import dev.questspark.engine.ops.cuda.prefix.CudaPrefixOps;
import dev.questspark.engine.ops.cuda.step.BatchMemory;
import dev.questspark.engine.ops.cuda.step.CudaPageList;
import dev.questspark.engine.ops.cuda.step.Launch;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefix.PrefixOps;
import dev.questspark.engine.ops.sample.RowSampling;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** An NVIDIA GPU. Used by one thread at a time, which may change between calls. */
public final class CudaBackend implements Backend {
  private static final Logger LOG = LoggerFactory.getLogger(CudaBackend.class);

  private final CudaOptions options;
  private final CudaDevice device;
  private final Deque<AutoCloseable> resources = new ArrayDeque<>();
  private CudaContext context;
  private DevicePool pool;
  private CudaStream stream;
  private LaunchRecorder recorder;
  private Readback readback;
  private BatchMemory batches;
  private WeightUpload uploads;
  private CudaGemm gemm;
  private GreedyTokens greedyTokens;
  private DrawnTokens drawnTokens;
  private CudaBlockSelection blocks;
  private TensorOps ops;
  private CudaPrefixOps prefixOps;

  private CudaBackend(CudaOptions options, CudaDevice device) {
    this.options = options;
    this.device = device;
  }

  /**
   * Opens the GPU and loads the kernels.
   *
   * @throws ConfigException if there is no driver, no such GPU, no room on it, or no kernels for it
   */
  public static CudaBackend open(CudaOptions options) {
    return open(options, DevicePool.SLAB_BYTES);
  }

  /** As {@link #open(CudaOptions)}, with slabs of a size that a test chooses. */
  static CudaBackend open(CudaOptions options, long slabBytes) {
    CudaBackend backend = new CudaBackend(options, CudaDevice.of(options.device()));
    try {
      backend.acquire(slabBytes);
      return backend;
    } catch (RuntimeException | Error e) {
      backend.closeResources();
      throw e;
    }
  }

  /**
   * Loads the kernels on a GPU and gives everything back.
   *
   * @return the GPU, in one line
   * @throws ConfigException if there is no driver, no such GPU, or no kernels for it
   */
  public static String check(int ordinal) {
    CudaDevice device = CudaDevice.of(ordinal);
    try (CudaContext context = new CudaContext(ordinal)) {
      KernelModule.load(context, device).close();
    }
    return device.report();
  }

  private void acquire(long slabBytes) {
    context = keep(new CudaContext(device.ordinal()));
    pool = keep(new DevicePool(context, device, slabBytes));
    KernelModule module = keep(KernelModule.load(context, device));
    stream = keep(new CudaStream(context));
    recorder = keep(new LaunchRecorder(context, stream, module));
    pool.beforeFree(recorder::flush);
    readback = keep(new Readback(context, stream, recorder));
    Launch launch = new Launch(recorder);
    batches =
        keep(
            new BatchMemory(
                context,
                pool,
                stream,
                recorder,
                readback,
                launch,
                options.maxRows(),
                options.maxPageEntries()));
    uploads = keep(new WeightUpload(context, stream));
    gemm = keep(openGemm(launch));
    CudaKvOps kv =
        keep(new CudaKvOps(context, pool, stream, recorder, launch, device.warpgroups()));
    greedyTokens = keep(new GreedyTokens(pool, readback, launch, options.maxRows()));
    drawnTokens =
        keep(new DrawnTokens(context, pool, stream, recorder, readback, launch, options.maxRows()));
    blocks = keep(new CudaBlockSelection(context, pool, stream, recorder, launch));
    ops = new CudaTensorOps(launch, gemm, kv, blocks);
    prefixOps = keep(new CudaPrefixOps(context, pool, stream, recorder, launch));
  }

  /** cuBLAS where it is there and may be used; {@link #describe} says which it is. */
  private CudaGemm openGemm(Launch launch) {
    KernelGemm ours = new KernelGemm(launch, device.warpgroups());
    return options.batchInvariant()
        ? ours
        : CublasGemm.open(context, pool, stream, recorder, launch, ours).orElse(ours);
  }

  private <T extends AutoCloseable> T keep(T resource) {
    resources.push(resource);
    return resource;
  }

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public String describe() {
    return "cuda, "
        + device.report()
        + ", "
        + options.dtype()
        + ", cache "
        + options.kvDType()
        + ", linear by "
        + gemm.describe()
        + (options.batchInvariant() ? ", batch invariant" : "");
  }

  @Override
  public TensorOps ops() {
    return ops;
  }

  @Override
  public PrefixOps prefixOps() {
    return prefixOps;
  }

  /** A kernel finds a page by one address. */
  @Override
  public long mostElements() {
    return Long.MAX_VALUE;
  }

  @Override
  public Tensor allocate(DType dtype, int rows, int cols) {
    Tensor tensor = uninitialised(dtype, rows, cols);
    stream.zero(DeviceBuffer.of(tensor), tensor.buffer().bytes());
    return tensor;
  }

  private Tensor uninitialised(DType dtype, int rows, int cols) {
    long elements = new TensorShape(dtype, rows, cols).elements();
    // Whole 16-byte units: a view's end is never in the middle of a vector load.
    long bytes = (Math.multiplyExact(elements, (long) dtype.bytes()) + 15) / 16 * 16;
    return new Tensor(pool.allocate(bytes), dtype, 0, rows, cols, cols);
  }

  @Override
  public DType activationDType() {
    return options.dtype();
  }

  /** All that a step may have: the workspace is the device's, and sized for them. */
  @Override
  public int feedForwardRows() {
    return Integer.MAX_VALUE;
  }

  @Override
  public KeyOrder keyOrder() {
    return KeyOrder.SLOT_MAJOR;
  }

  @Override
  public DType cacheDType() {
    return options.kvDType();
  }

  @Override
  public PageList allocatePageList(int maxRows, int kvHeads, int maxPages) {
    return new CudaPageList(pool, readback, new PageListShape(maxRows, kvHeads, maxPages));
  }

  @Override
  public BlockList allocateBlockList(BlockListShape shape) {
    blocks.reserve(shape.maxSegments());
    return new CudaBlockList(context, pool, stream, recorder, readback, shape);
  }

  @Override
  public Tensor upload(HostTensor source) {
    return upload(source, DType.F32);
  }

  @Override
  public Tensor uploadTable(HostTensor source) {
    return upload(source);
  }

  /** A packed weight is row-major here, but in the arithmetic's type, not in the table's. */
  @Override
  public Optional<Tensor> rowsOf(LinearWeight weight) {
    return Optional.empty();
  }

  /** As {@link #upload(HostTensor)}, in another element type. */
  Tensor upload(HostTensor source, DType dtype) {
    Tensor tensor = uninitialised(dtype, source.rows(), source.cols());
    uploads.upload(source, tensor);
    return tensor;
  }

  @Override
  public LinearWeight pack(List<HostTensor> weights, List<HostTensor> biases) {
    OpArguments.requireBiases(weights, biases);
    int outFeatures = OpArguments.outFeatures(weights);
    Tensor weight = uninitialised(options.dtype(), outFeatures, weights.get(0).cols());
    int row = 0;
    for (HostTensor part : weights) {
      uploads.upload(part, weight.rows(row, row + part.rows()));
      row += part.rows();
    }
    return new CudaLinearWeight(weight, biases.isEmpty() ? null : joined(biases, outFeatures));
  }

  @Override
  public LinearWeight packExperts(List<List<HostTensor>> experts) {
    return pack(experts.stream().flatMap(List::stream).toList(), List.of());
  }

  /** Vectors, one after the other, as one row of floats. */
  private Tensor joined(List<HostTensor> parts, int count) {
    Tensor whole = uninitialised(DType.F32, 1, count);
    int col = 0;
    for (HostTensor part : parts) {
      uploads.upload(part, whole.cols(col, col + part.cols()));
      col += part.cols();
    }
    return whole;
  }

  @Override
  public LoadedBatch load(RaggedBatch batch) {
    context.bind();
    return batches.load(batch);
  }

  @Override
  public void read(Tensor source, int row, float[] target) {
    readback.read(source, row, target);
  }

  @Override
  public void argmax(int[] tokens, Tensor logits) {
    greedyTokens.argmax(tokens, logits);
  }

  @Override
  public void sample(int[] tokens, Tensor logits, RowSampling[] rows) {
    drawnTokens.sample(tokens, logits, rows);
  }

  @Override
  public long freeBytes() {
    return pool.freeBytes();
  }

  /** Device memory blocks that are still open, the backend's own among them. */
  int outstandingBuffers() {
    return pool.outstandingBuffers();
  }

  /** Steps that were replayed as a graph. */
  long replays() {
    return recorder.replays();
  }

  /** Frees everything; memory that its owner forgot is named in a warning. */
  @Override
  public void close() {
    closeResources();
  }

  private void closeResources() {
    while (!resources.isEmpty()) {
      try {
        resources.pop().close();
      } catch (Exception e) {
        LOG.warn("closing the CUDA backend: {}", e.getMessage());
      }
    }
  }
}
