package dev.questspark.engine.ops.backend;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.KeyOrder;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorOps;
import dev.questspark.engine.ops.TensorShape;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefix.PrefixOps;
import dev.questspark.engine.ops.sample.RowSampling;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** One device: its memory, its ops, and how it describes itself. Owned by one engine thread. */
public interface Backend extends AutoCloseable {
  /** {@code cpu} or {@code cuda}. */
  String name();

  /** Device, threads, libraries and GEMM in use, in one line for the log and {@code run.json}. */
  String describe();

  /** The ops. */
  TensorOps ops();

  /** The ops on prefixes. */
  PrefixOps prefixOps();

  /** Elements of the largest tensor. */
  long mostElements();

  /** Allocates a zeroed (rows, cols) tensor of float; the caller closes its buffer. */
  default Tensor allocate(int rows, int cols) {
    return allocate(DType.F32, rows, cols);
  }

  /** As {@link #allocate(int, int)}, of {@link #activationDType}, {@link #cacheDType} or I8. */
  Tensor allocate(DType dtype, int rows, int cols);

  /** Allocates many at once, in order; a backend whose allocation takes time shares it out. */
  default List<Tensor> allocateAll(List<TensorShape> shapes) {
    List<Tensor> tensors = new ArrayList<>();
    try {
      for (TensorShape shape : shapes) {
        tensors.add(allocate(shape.dtype(), shape.rows(), shape.cols()));
      }
      return tensors;
    } catch (RuntimeException | Error e) {
      tensors.forEach(tensor -> tensor.buffer().close());
      throw e;
    }
  }

  /** Element type of the activations between ops; scores, sums and logits are always float. */
  DType activationDType();

  /**
   * Rows that pass the feed-forward block at a time, whose intermediate activations are several
   * times as wide as the model: more take more memory, fewer keep less hardware busy.
   */
  int feedForwardRows();

  /** Element type of keys and values, and of digests unless they are kept in 8 bits. */
  DType cacheDType();

  /** How keys lie inside a page. */
  KeyOrder keyOrder();

  /** Allocates a page list with room for {@code maxRows} x {@code kvHeads} x {@code maxPages}. */
  PageList allocatePageList(int maxRows, int kvHeads, int maxPages);

  /**
   * Allocates block lists.
   *
   * @throws dev.questspark.engine.failure.ConfigException if this backend reads none
   */
  BlockList allocateBlockList(BlockListShape shape);

  /** Copies a checkpoint tensor to the device as float; the caller closes its buffer. */
  Tensor upload(HostTensor source);

  /**
   * Copies a table that {@code embed} reads, (vocabulary, H), to the device; in the checkpoint's
   * own type where the backend reads that. The caller closes its buffer.
   */
  Tensor uploadTable(HostTensor source);

  /**
   * The rows of a packed weight (N, K) as a table that {@code embed} reads, where the backend can
   * read them back out of it: a model whose embedding is tied to its output projection then keeps
   * one copy of both. A view; it is gone when the weight is closed.
   */
  Optional<Tensor> rowsOf(LinearWeight weight);

  /**
   * Packs the rows of several weights, one below the other, for one fused {@code linear}; biases
   * alike.
   *
   * @param weights each (N_i, K)
   * @param biases empty, or one (1, N_i) per weight
   */
  LinearWeight pack(List<HostTensor> weights, List<HostTensor> biases);

  /**
   * Packs one projection of every expert of a layer for {@code linearExperts}.
   *
   * @param experts per expert its weights (N_i, K), one below the other; alike for all
   * @return (E * N, K)
   */
  LinearWeight packExperts(List<List<HostTensor>> experts);

  /** Brings a step's batch to the device; the previous one becomes invalid. */
  LoadedBatch load(RaggedBatch batch);

  /** Waits for the device, then copies row {@code row} of a tensor to {@code target}. */
  void read(Tensor source, int row, float[] target);

  /**
   * Copies {@code source} to row {@code row} of a float tensor, for the ops that follow: how a
   * control hands over scores that the host computed. Only the CPU does it; policies that need it
   * are refused elsewhere before any work.
   */
  default void write(Tensor target, int row, float[] source) {
    throw new IllegalStateException("backend " + name() + " takes no values from the host");
  }

  /**
   * Waits for the device, then copies the keys of one KV head's share of a page.
   *
   * @param page id of the page
   * @param target (slot, headDim), whatever the backend's {@link #keyOrder}
   */
  default void readKeys(KvLayer kv, int page, int kvHead, float[] target) {
    KvGeometry geometry = kv.geometry();
    int slots = geometry.pageSize();
    int columns = slots * geometry.headDim();
    Tensor keys = kv.keys();
    Tensor shares =
        new Tensor(
            keys.buffer(), keys.dtype(), keys.offset(), keys.rows() / slots, columns, columns);
    int share = page * geometry.kvHeads() + kvHead;
    if (keyOrder() == KeyOrder.SLOT_MAJOR) {
      read(shares, share, target);
      return;
    }
    float[] channels = new float[columns];
    read(shares, share, channels);
    int block = geometry.digestBlockSize();
    int headDim = geometry.headDim();
    for (int i = 0; i < columns; i++) {
      int slot = i / (block * headDim) * block + i % block;
      target[slot * headDim + i / block % headDim] = channels[i];
    }
  }

  /**
   * Greedy sampling: {@code tokens[r]} becomes the index of the largest logit of row r, ties to the
   * lowest; for a row with a NaN, -1 - the lowest index of one. Waits for the device and copies
   * nothing but the indices.
   *
   * @param tokens one per row
   * @param logits (R, vocabulary), float
   */
  void argmax(int[] tokens, Tensor logits);

  /**
   * Draws the next token of each row as {@link RowSampling} says; -1 - the lowest index of a NaN
   * for a row with one. A row without sampling (null) is left alone. The result depends on nothing
   * but the row, and is the same on every backend for equal logits. Waits for the device and copies
   * nothing but the indices.
   *
   * @param tokens one per row
   * @param logits (R, vocabulary), float; penalties are applied in place
   * @param rows one per row, or null
   */
  void sample(int[] tokens, Tensor logits, RowSampling[] rows);

  /** Bytes that may still be allocated for the KV cache and workspace. */
  long freeBytes();

  @Override
  void close();
}
