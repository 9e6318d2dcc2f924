package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.cuda.driver.CudaContext;
import dev.questspark.engine.ops.cuda.driver.CudaStream;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import dev.questspark.engine.ops.cuda.driver.LaunchRecorder;
import dev.questspark.engine.ops.cuda.driver.PinnedBuffer;
import dev.questspark.engine.ops.cuda.driver.Readback;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.BlockListShape;
import dev.questspark.engine.ops.prefill.Segments;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;

/**
 * Block lists on the device: first batch rows of the segments and the end, positions of their first
 * rows, counts of the lists, then their entries (segments * kvHeads, maxBlocks).
 */
final class CudaBlockList implements BlockList {
  private final BlockListShape shape;
  private final CudaStream stream;
  private final LaunchRecorder recorder;
  private final Readback readback;
  private final PinnedBuffer staging;
  private final DeviceBuffer device;
  private Segments segments;

  CudaBlockList(
      CudaContext context,
      DevicePool pool,
      CudaStream stream,
      LaunchRecorder recorder,
      Readback readback,
      BlockListShape shape) {
    this.shape = shape;
    this.stream = stream;
    this.recorder = recorder;
    this.readback = readback;
    int ints = Math.max(2 * shape.maxSegments() + 1, Math.max(1, shape.maxBlocks()));
    this.staging = new PinnedBuffer(context, 4 * ints);
    this.device = pool.allocate(Math.multiplyExact(4L, entriesAt() + shape.entries()));
  }

  static CudaBlockList of(BlockList list) {
    if (!(list instanceof CudaBlockList cuda)) {
      throw new IllegalArgumentException("the block lists belong to another backend");
    }
    return cuda;
  }

  static CudaBlockList of(BlockList list, int kvHeads) {
    CudaBlockList cuda = of(list);
    if (cuda.shape.kvHeads() != kvHeads) {
      throw new IllegalArgumentException(
          "block lists of " + cuda.shape.kvHeads() + " KV heads for " + kvHeads);
    }
    return cuda;
  }

  /** Places of listed keys say nothing of how far back a window reaches. */
  static void requireNoWindow(KvLayer kv) {
    if (kv.window() > 0) {
      throw new IllegalArgumentException(
          "block lists on a layer with a sliding window of " + kv.window());
    }
  }

  private int startsAt() {
    return shape.maxSegments() + 1;
  }

  private int countsAt() {
    return startsAt() + shape.maxSegments();
  }

  private long entriesAt() {
    return countsAt() + shape.lists();
  }

  /** Brings the segments to the device, unless they are those of the layer before. */
  @Override
  public void begin(Segments next) {
    if (next == segments) {
      return;
    }
    shape.requireSegments(next.count());
    segments = next;
    int[] ints = new int[startsAt() + next.count()];
    System.arraycopy(next.rows(), 0, ints, 0, next.count() + 1);
    System.arraycopy(next.starts(), 0, ints, startsAt(), next.count());
    upload(ints, 0);
  }

  private void upload(int[] ints, long at) {
    recorder.flush(); // launches that read what this replaces
    stream.awaitUpload();
    IntBuffer staged = staging.bytes().asIntBuffer();
    staged.put(0, ints, 0, ints.length);
    stream.upload(device, 4 * at, staging, 4L * ints.length);
  }

  @Override
  public Segments segments() {
    return segments;
  }

  @Override
  public void set(int segment, int kvHead, int[] blocks) {
    shape.requireBlocks(blocks, segments.blocksBefore(segment));
    int list = segment * shape.kvHeads() + kvHead;
    if (blocks.length > 0) {
      upload(blocks, entriesAt() + (long) list * shape.maxBlocks());
    }
    upload(new int[] {blocks.length}, countsAt() + list);
  }

  @Override
  public int[] read(int segment, int kvHead) {
    long list = (long) segment * shape.kvHeads() + kvHead;
    int count = readback.read(device, 4 * (countsAt() + list), 4).getInt(0);
    if (count == 0) {
      return new int[0];
    }
    long at = entriesAt() + list * shape.maxBlocks();
    ByteBuffer bytes = readback.read(device, 4 * at, 4L * count);
    int[] read = new int[count];
    for (int i = 0; i < count; i++) {
      read[i] = bytes.getInt(4 * i);
    }
    return read;
  }

  int kvHeads() {
    return shape.kvHeads();
  }

  int maxBlocks() {
    return shape.maxBlocks();
  }

  long rows() {
    return device.address();
  }

  long starts() {
    return device.address() + 4L * startsAt();
  }

  long counts() {
    return device.address() + 4L * countsAt();
  }

  long entries() {
    return device.address() + 4 * entriesAt();
  }

  @Override
  public void close() {
    staging.close();
    device.close();
  }
}
