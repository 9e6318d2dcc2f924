package dev.questspark.engine.ops.cuda.driver;

import dev.questspark.engine.failure.ConfigException;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LongSummaryStatistics;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import jcuda.CudaException;
import jcuda.driver.JCudaDriver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Device memory in slabs: small blocks stand side by side in one, a block of half a slab or more
 * has its own. A slab goes back to the driver when its last block is closed. Everything is
 * allocated while the engine opens; nothing in a step.
 */
public final class DevicePool implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(DevicePool.class);

  /** Enough for the hundreds of small norms and biases of a model in a handful of driver calls. */
  public static final long SLAB_BYTES = 32L << 20;

  /** What {@code cuMemAlloc} aligns to, and more than any vector load needs. */
  private static final long ALIGNMENT = 256;

  private static final StackWalker STACK = StackWalker.getInstance();

  /** One allocation of the driver. */
  static final class Slab {
    final DeviceAddress address = new DeviceAddress();
    final long bytes;
    long used;
    int live;

    Slab(long bytes) {
      this.bytes = bytes;
    }
  }

  private final CudaContext context;
  private final CudaDevice device;
  private final long slabBytes;
  private final Set<DeviceBuffer> outstanding = Collections.newSetFromMap(new IdentityHashMap<>());
  private Runnable beforeFree = () -> {};
  private Slab open;

  /**
   * A pool on the current device.
   *
   * @param slabBytes 0 gives every block its own allocation, so that a driver's checks at the
   *     borders of allocations see each of them
   */
  public DevicePool(CudaContext context, CudaDevice device, long slabBytes) {
    this.context = context;
    this.device = device;
    this.slabBytes = slabBytes;
  }

  /** What must happen before memory goes back: launches that are only written down may use it. */
  public void beforeFree(Runnable action) {
    beforeFree = action;
  }

  /**
   * A block of uninitialised memory.
   *
   * @throws ConfigException if the device has no room: memory is planned at open, so the plan is
   *     wrong
   */
  public DeviceBuffer allocate(long bytes) {
    context.bind();
    long padded = Math.max(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    Slab slab;
    if (padded > slabBytes / 2) {
      slab = fromDriver(slabBytes == 0 ? Math.max(bytes, 1) : padded);
    } else {
      if (open == null || open.bytes - open.used < padded) {
        open = fromDriver(slabBytes);
      }
      slab = open;
    }
    DeviceBuffer buffer = new DeviceBuffer(this, slab, slab.used, bytes, site());
    slab.used += padded;
    slab.live++;
    outstanding.add(buffer);
    return buffer;
  }

  private Slab fromDriver(long bytes) {
    Slab slab = new Slab(bytes);
    try {
      JCudaDriver.cuMemAlloc(slab.address, bytes);
    } catch (CudaException e) {
      if (!"CUDA_ERROR_OUT_OF_MEMORY".equals(e.getMessage())) {
        throw context.failure(e, "allocating " + bytes + " bytes");
      }
      throw new ConfigException(
          "the GPU has no room for "
              + bytes
              + " more bytes: "
              + freeBytes()
              + " of "
              + device.memoryBytes()
              + " bytes are free on "
              + device.report()
              + "; lower gpu_memory_utilization, kv_cache_memory_bytes, max_model_len or"
              + " max_num_batched_tokens, or choose a smaller dtype",
          e);
    }
    return slab;
  }

  /** The first frame outside this package: who will have to close it. */
  private static String site() {
    String here = DevicePool.class.getPackageName();
    return STACK.walk(
        frames ->
            frames
                .filter(frame -> !frame.getClassName().startsWith(here))
                .findFirst()
                .map(Object::toString)
                .orElse("an unknown place"));
  }

  void release(DeviceBuffer buffer, Slab slab) {
    outstanding.remove(buffer);
    try {
      if (!context.lost()) {
        context.bind();
        beforeFree.run();
      }
    } finally {
      drop(slab);
    }
  }

  private void drop(Slab slab) {
    if (--slab.live > 0) {
      return;
    }
    if (slab == open) {
      open = null;
    }
    if (!context.lost()) { // the memory of a lost context goes with it
      context.bind();
      context.run("freeing device memory", () -> JCudaDriver.cuMemFree(slab.address));
    }
  }

  /** Blocks that nobody has closed yet. */
  public int outstandingBuffers() {
    return outstanding.size();
  }

  /** Free bytes of the device, as the driver counts them. */
  public long freeBytes() {
    context.bind();
    long[] free = new long[1];
    long[] total = new long[1];
    context.run("asking for free memory", () -> JCudaDriver.cuMemGetInfo(free, total));
    return free[0];
  }

  /** Frees what is left; a leak is a warning with the places that allocated it. */
  @Override
  public void close() {
    if (outstanding.isEmpty()) {
      return;
    }
    Map<String, LongSummaryStatistics> leaks =
        outstanding.stream()
            .collect(
                Collectors.groupingBy(
                    DeviceBuffer::site,
                    TreeMap::new,
                    Collectors.summarizingLong(DeviceBuffer::bytes)));
    leaks.forEach(
        (site, blocks) ->
            LOG.warn(
                "device memory was not closed: {} blocks, {} bytes, allocated at {}",
                blocks.getCount(),
                blocks.getSum(),
                site));
    Set.copyOf(outstanding).forEach(DeviceBuffer::close);
  }
}
