package dev.questspark.engine.ops.cpu;

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
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.attention.JavaPrefillAttention;
import dev.questspark.engine.ops.cpu.attention.OneDnnPrefillAttention;
import dev.questspark.engine.ops.cpu.attention.PrefillAttention;
import dev.questspark.engine.ops.cpu.gemm.Gemm;
import dev.questspark.engine.ops.cpu.gemm.JavaGemm;
import dev.questspark.engine.ops.cpu.gemm.OneDnnGemm;
import dev.questspark.engine.ops.cpu.gemm.TiledMatmul;
import dev.questspark.engine.ops.cpu.gemm.WeightRows;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.SharedArrays;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.cpu.onednn.OneDnn;
import dev.questspark.engine.ops.cpu.pages.CpuBatch;
import dev.questspark.engine.ops.cpu.pages.CpuBlockList;
import dev.questspark.engine.ops.cpu.pages.CpuPageList;
import dev.questspark.engine.ops.cpu.prefix.CpuPrefixOps;
import dev.questspark.engine.ops.cpu.sample.CpuSampling;
import dev.questspark.engine.ops.cpu.simd.JitWarmUp;
import dev.questspark.engine.ops.cpu.simd.ScalarOps;
import dev.questspark.engine.ops.cpu.simd.SimdForm;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefix.PrefixOps;
import dev.questspark.engine.ops.sample.RowSampling;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The embedded backend: tensors are Java arrays, ops run on a fixed crew of threads. Opened and
 * used by one engine thread.
 */
public final class CpuBackend implements Backend {
  private static final Logger LOG = LoggerFactory.getLogger(CpuBackend.class);

  private static final int FEWEST_FEED_FORWARD_ROWS = 512;

  private final BackendOptions options;
  private final Workers workers;
  private final SimdOps simd;
  private final CpuSampling sampling;
  private final Gemm gemm;
  private final TensorOps ops;
  private final PrefixOps prefixOps;

  private CpuBackend(
      BackendOptions options,
      Workers workers,
      SimdOps[] simd,
      Gemm gemm,
      PrefillAttention prefill) {
    this.options = options;
    this.workers = workers;
    this.simd = simd[0];
    this.sampling = new CpuSampling(workers, simd);
    this.gemm = gemm;
    this.ops = new CpuTensorOps(workers, simd, gemm, prefill);
    this.prefixOps = new CpuPrefixOps(workers, simd);
  }

  /**
   * Starts the worker threads and loads oneDNN; where it has no library, says so and computes in
   * plain Java.
   *
   * @throws IllegalArgumentException for fewer than 1 thread, or a dtype other than f32 and bf16
   * @throws dev.questspark.engine.failure.ConfigException for bf16 on a processor without it, and
   *     for weights in 8 bits without oneDNN or on a processor without products of such integers
   */
  public static CpuBackend open(BackendOptions options) {
    if (options.dtype() == DType.F16) {
      throw new IllegalArgumentException("the CPU backend computes in f32 or bf16, not in f16");
    }
    JitWarmUp.start();
    try {
      return withOneDnn(options, OneDnn.load());
    } catch (LinkageError e) {
      LOG.warn(
          "oneDNN has no library for this platform ({} {}): linear and prefill run in plain Java,"
              + " many times slower; {}",
          System.getProperty("os.name"),
          System.getProperty("os.arch"),
          e.toString());
      return withoutOneDnn(options, SimdForm.ofWorkers(options.threads()));
    }
  }

  /** Whether oneDNN is there and this processor has instructions for products of bf16. */
  public static boolean multipliesBf16Natively() {
    try {
      return OneDnn.load().multipliesBf16Natively();
    } catch (LinkageError e) {
      return false; // said once, when the backend opens
    }
  }

  private static CpuBackend withOneDnn(BackendOptions options, OneDnn library) {
    if (options.dtype() == DType.BF16 && !library.multipliesBf16()) {
      throw new ConfigException(
          "dtype is bfloat16, but "
              + library.describe()
              + " cannot multiply it on this processor; use float32");
    }
    if (options.weightDType() == DType.I8 && !library.multipliesInt8()) {
      throw new ConfigException(
          "weight_dtype is int8, but "
              + library.describe()
              + " cannot multiply integers of 8 bits exactly on this processor, which has neither"
              + " AVX_VNNI nor AVX512_VNNI nor AMX; use auto");
    }
    Workers workers = new Workers(options.threads());
    SimdOps[] simd = SimdForm.ofWorkers(options.threads());
    boolean invariant = options.batchInvariant();
    return new CpuBackend(
        options,
        workers,
        simd,
        new OneDnnGemm(library, workers, simd, options),
        new OneDnnPrefillAttention(library, workers, simd, invariant));
  }

  /** The backend without native code or the Vector API; tests hold it to the same contract. */
  static CpuBackend inPlainJava(BackendOptions options) {
    SimdOps[] simd = new SimdOps[options.threads()];
    Arrays.setAll(simd, i -> new ScalarOps());
    return withoutOneDnn(options, simd);
  }

  private static CpuBackend withoutOneDnn(BackendOptions options, SimdOps[] simd) {
    if (options.weightDType() != options.dtype()) {
      throw new ConfigException(
          "weight_dtype int8 needs oneDNN, which has no library for this platform; use auto");
    }
    Workers workers = new Workers(options.threads());
    return new CpuBackend(
        options,
        workers,
        simd,
        new JavaGemm(workers, options.dtype()),
        new JavaPrefillAttention(workers, simd));
  }

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public String describe() {
    return "cpu, "
        + workers.threads()
        + (workers.threads() == 1 ? " thread" : " threads")
        + ", linear and prefill by "
        + gemm.describe()
        + ", attention by "
        + simd.describe()
        + " on "
        + cacheDType()
        + " pages"
        + (options.batchInvariant() ? ", batch invariant" : "");
  }

  @Override
  public TensorOps ops() {
    return ops;
  }

  /** What a Java array holds. */
  @Override
  public long mostElements() {
    return Integer.MAX_VALUE - 8L;
  }

  @Override
  public PrefixOps prefixOps() {
    return prefixOps;
  }

  @Override
  public Tensor allocate(DType dtype, int rows, int cols) {
    long count = new TensorShape(dtype, rows, cols).elements();
    HeapBuffer buffer = new HeapBuffer(HeapBuffer.array(dtype, count), dtype, 0, count);
    return new Tensor(buffer, dtype, 0, rows, cols, cols);
  }

  @Override
  public List<Tensor> allocateAll(List<TensorShape> shapes) {
    return new SharedArrays(shapes).allocate(workers);
  }

  @Override
  public DType activationDType() {
    return DType.F32;
  }

  /** Keys and values are kept in the dtype of {@code linear}. */
  @Override
  public DType cacheDType() {
    return options.dtype();
  }

  /** Two of the tallest tiles of {@code linear}; a tile for every thread. */
  @Override
  public int feedForwardRows() {
    return Math.max(FEWEST_FEED_FORWARD_ROWS, TiledMatmul.FINEST * workers.threads());
  }

  @Override
  public KeyOrder keyOrder() {
    return KeyOrder.CHANNEL_MAJOR;
  }

  @Override
  public PageList allocatePageList(int maxRows, int kvHeads, int maxPages) {
    return new CpuPageList(new PageListShape(maxRows, kvHeads, maxPages));
  }

  @Override
  public BlockList allocateBlockList(BlockListShape shape) {
    return new CpuBlockList(shape);
  }

  @Override
  public Tensor upload(HostTensor source) {
    Tensor tensor = allocate(source.rows(), source.cols());
    float[] floats = HeapBuffer.floats(tensor);
    workers.run(
        source.rows(),
        source.cols(),
        (row, worker) -> WeightRows.row(source, row, floats, HeapBuffer.at(tensor, row)));
    return tensor;
  }

  /** A bfloat16 table is kept as it is; embed widens the rows that it reads. */
  @Override
  public Tensor uploadTable(HostTensor source) {
    if (source.dtype() != DType.BF16) {
      return upload(source);
    }
    Tensor tensor = allocate(DType.BF16, source.rows(), source.cols());
    short[] bits = HeapBuffer.bf16s(tensor);
    int cols = source.cols();
    workers.run(
        source.rows(),
        cols,
        (row, worker) ->
            source.bytes(row, 1).asShortBuffer().get(bits, HeapBuffer.at(tensor, row), cols));
    return tensor;
  }

  @Override
  public Optional<Tensor> rowsOf(LinearWeight weight) {
    return gemm.rowsOf(weight);
  }

  @Override
  public LinearWeight pack(List<HostTensor> weights, List<HostTensor> biases) {
    return gemm.pack(weights, biases);
  }

  @Override
  public LinearWeight packExperts(List<List<HostTensor>> experts) {
    List<LinearWeight> packed = new ArrayList<>();
    try {
      experts.forEach(weights -> packed.add(pack(weights, List.of())));
      return new CpuExperts.Packed(packed);
    } catch (RuntimeException | Error e) {
      packed.forEach(LinearWeight::close);
      throw e;
    }
  }

  @Override
  public LoadedBatch load(RaggedBatch batch) {
    return new CpuBatch(batch);
  }

  @Override
  public void write(Tensor target, int row, float[] source) {
    OpArguments.requireRow(target, row, source);
    System.arraycopy(
        source, 0, HeapBuffer.floats(target), HeapBuffer.at(target, row), target.cols());
  }

  @Override
  public void read(Tensor source, int row, float[] target) {
    OpArguments.requireRow(source, row, target);
    int at = HeapBuffer.at(source, row);
    if (source.dtype() == DType.BF16) {
      simd.widen(HeapBuffer.bf16s(source), at, target, 0, source.cols());
    } else if (source.dtype() == DType.I8) {
      byte[] bytes = HeapBuffer.int8s(source);
      for (int i = 0; i < source.cols(); i++) {
        target[i] = bytes[at + i];
      }
    } else {
      System.arraycopy(HeapBuffer.floats(source), at, target, 0, source.cols());
    }
  }

  @Override
  public void argmax(int[] tokens, Tensor logits) {
    OpArguments.require("logits", logits, tokens.length, logits.cols());
    float[] values = HeapBuffer.floats(logits);
    for (int row = 0; row < tokens.length; row++) {
      tokens[row] = CpuSampling.argmax(values, HeapBuffer.at(logits, row), logits.cols());
    }
  }

  @Override
  public void sample(int[] tokens, Tensor logits, RowSampling[] rows) {
    sampling.sample(tokens, logits, rows);
  }

  /** What the Java heap may still grow by. */
  @Override
  public long freeBytes() {
    Runtime runtime = Runtime.getRuntime();
    return runtime.maxMemory() - (runtime.totalMemory() - runtime.freeMemory());
  }

  @Override
  public void close() {
    workers.close();
    gemm.close();
  }
}
