package dev.questspark.engine.ops;

import java.util.List;

/** One device: its memory, its verbs, and how it describes itself. Owned by one engine thread. */
public interface Backend extends AutoCloseable {
  /** {@code cpu} or {@code cuda}. */
  String name();

  /** Device, threads, libraries and GEMM in use, in one line for the log and {@code run.json}. */
  String describe();

  /** The verbs. */
  TensorOps ops();

  /** Allocates a zeroed (rows, cols) tensor of float; the caller closes its buffer. */
  Tensor allocate(int rows, int cols);

  /** As {@link #allocate(int, int)}, of {@link #activationDType}, {@link #cacheDType} or I8. */
  default Tensor allocate(DType dtype, int rows, int cols) {
    if (dtype != DType.F32) {
      throw new IllegalArgumentException(
          "backend " + name() + " keeps tensors in f32, not " + dtype);
    }
    return allocate(rows, cols);
  }

  /** Element type of the activations between verbs; scores, sums and logits are always float. */
  default DType activationDType() {
    return DType.F32;
  }

  /** Element type of keys and values, and of digests unless they are kept in 8 bits. */
  default DType cacheDType() {
    return DType.F32;
  }

  /** How keys lie inside a page. */
  default KeyOrder keyOrder() {
    return KeyOrder.SLOT_MAJOR;
  }

  /** Allocates a page list with room for {@code maxRows} x {@code kvHeads} x {@code maxPages}. */
  PageList allocatePageList(int maxRows, int kvHeads, int maxPages);

  /** Copies a checkpoint tensor to the device as float; the caller closes its buffer. */
  Tensor upload(HostTensor source);

  /**
   * Packs the rows of several weights, one below the other, for one fused {@code linear}; biases
   * alike.
   *
   * @param weights each (N_i, K)
   * @param biases empty, or one (1, N_i) per weight
   */
  LinearWeight pack(List<HostTensor> weights, List<HostTensor> biases);

  /** Brings a step's batch to the device; the previous one becomes invalid. */
  LoadedBatch load(RaggedBatch batch);

  /** Waits for the device, then copies row {@code row} of a tensor to {@code target}. */
  void read(Tensor source, int row, float[] target);

  /**
   * Greedy sampling: {@code tokens[r]} becomes the index of the largest logit of row r, ties to the
   * lowest; for a row with a NaN, -1 - the lowest index of one. Waits for the device and copies
   * nothing but the indices.
   *
   * @param tokens one per row
   * @param logits (R, vocabulary), float
   */
  void argmax(int[] tokens, Tensor logits);

  /** Bytes that may still be allocated for the KV cache and workspace. */
  long freeBytes();

  @Override
  void close();
}
