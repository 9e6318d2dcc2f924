package dev.questspark.engine.model;

import dev.questspark.engine.ops.Buffer;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.KeyOrder;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorOps;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefix.PrefixOps;
import dev.questspark.engine.ops.sample.RowSampling;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;

/** A real backend that keeps count of what is allocated, and can refuse an allocation. */
final class LedgerBackend implements Backend {
  private final Backend backend;
  private final IntPredicate refuse;
  private final List<Object> open = new ArrayList<>();
  private int allocations;

  /**
   * @param refuse whether to fail the allocation of a given number, from 0
   */
  LedgerBackend(Backend backend, IntPredicate refuse) {
    this.backend = backend;
    this.refuse = refuse;
  }

  /** Allocations that nobody has closed. */
  int open() {
    return open.size();
  }

  /** Allocations so far. */
  int allocations() {
    return allocations;
  }

  private void count() {
    if (refuse.test(allocations++)) {
      throw new IllegalStateException("allocation refused");
    }
  }

  @Override
  public PrefixOps prefixOps() {
    return backend.prefixOps();
  }

  @Override
  public long mostElements() {
    return backend.mostElements();
  }

  @Override
  public void argmax(int[] tokens, Tensor logits) {
    backend.argmax(tokens, logits);
  }

  @Override
  public void sample(int[] tokens, Tensor logits, RowSampling[] rows) {
    backend.sample(tokens, logits, rows);
  }

  @Override
  public Tensor upload(HostTensor source) {
    count();
    return counted(backend.upload(source));
  }

  @Override
  public Tensor uploadTable(HostTensor source) {
    count();
    return counted(backend.uploadTable(source));
  }

  private Tensor counted(Tensor tensor) {
    Buffer counted = new CountedBuffer(tensor.buffer());
    open.add(counted);
    return new Tensor(counted, tensor.dtype(), 0, tensor.rows(), tensor.cols(), tensor.cols());
  }

  @Override
  public LinearWeight pack(List<HostTensor> weights, List<HostTensor> biases) {
    count();
    LinearWeight counted = new CountedWeight(backend.pack(weights, biases));
    open.add(counted);
    return counted;
  }

  @Override
  public LinearWeight packExperts(List<List<HostTensor>> experts) {
    count();
    LinearWeight counted = new CountedWeight(backend.packExperts(experts));
    open.add(counted);
    return counted;
  }

  private final class CountedBuffer implements Buffer {
    private final Buffer buffer;

    CountedBuffer(Buffer buffer) {
      this.buffer = buffer;
    }

    @Override
    public long bytes() {
      return buffer.bytes();
    }

    @Override
    public void close() {
      buffer.close();
      open.remove(this);
    }
  }

  private final class CountedWeight implements LinearWeight {
    private final LinearWeight weight;

    CountedWeight(LinearWeight weight) {
      this.weight = weight;
    }

    @Override
    public int outFeatures() {
      return weight.outFeatures();
    }

    @Override
    public int inFeatures() {
      return weight.inFeatures();
    }

    @Override
    public long bytes() {
      return weight.bytes();
    }

    @Override
    public void close() {
      weight.close();
      open.remove(this);
    }
  }

  @Override
  public String name() {
    return backend.name();
  }

  @Override
  public String describe() {
    return backend.describe();
  }

  @Override
  public TensorOps ops() {
    return backend.ops();
  }

  @Override
  public Tensor allocate(DType dtype, int rows, int cols) {
    return backend.allocate(dtype, rows, cols);
  }

  @Override
  public DType activationDType() {
    return backend.activationDType();
  }

  @Override
  public DType cacheDType() {
    return backend.cacheDType();
  }

  @Override
  public int feedForwardRows() {
    return backend.feedForwardRows();
  }

  @Override
  public KeyOrder keyOrder() {
    return backend.keyOrder();
  }

  @Override
  public Optional<Tensor> rowsOf(LinearWeight weight) {
    return backend.rowsOf(((CountedWeight) weight).weight);
  }

  @Override
  public PageList allocatePageList(int maxRows, int kvHeads, int maxPages) {
    return backend.allocatePageList(maxRows, kvHeads, maxPages);
  }

  @Override
  public BlockList allocateBlockList(BlockListShape shape) {
    return backend.allocateBlockList(shape);
  }

  @Override
  public LoadedBatch load(RaggedBatch batch) {
    return backend.load(batch);
  }

  @Override
  public void read(Tensor source, int row, float[] target) {
    backend.read(source, row, target);
  }

  @Override
  public long freeBytes() {
    return backend.freeBytes();
  }

  @Override
  public void close() {
    backend.close();
  }
}
