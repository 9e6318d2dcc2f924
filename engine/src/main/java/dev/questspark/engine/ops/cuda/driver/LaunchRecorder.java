package dev.questspark.engine.ops.cuda.driver;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import jcuda.CudaException;
import jcuda.Pointer;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;

/**
 * The launches of a step, written down as numbers and issued together when somebody needs their
 * results. A recording that comes again, with the same kernels, grids and arguments to the last
 * bit, is replayed as a CUDA graph: one call instead of hundreds. So a decode step costs the host
 * one launch, and no op has to know about graphs.
 *
 * <p>The only caller of {@code cuLaunchKernel}.
 */
public final class LaunchRecorder implements AutoCloseable {
  /** Graphs kept; the least recently used goes first. */
  private static final int MAX_GRAPHS = 32;

  /** Recordings remembered as seen once. */
  private static final int MAX_SEEN = 256;

  private static final int MAX_ARGUMENTS = 40;

  // One recorded launch: kernel, grid x, y, z, threads, shared bytes, then its arguments.
  private static final int KERNEL = 0;
  private static final int GRID_X = 1;
  private static final int GRID_Y = 2;
  private static final int GRID_Z = 3;
  private static final int THREADS = 4;
  private static final int SHARED = 5;
  private static final int HEADER = 6;

  /** Work of a library that takes its turn among the kernels. */
  public interface LibraryCall {
    /** What it is called in messages, and its arguments; its index is negative. */
    Kernel declaration();

    /** Queues the work on the stream, with the arguments at {@code words[from]} and after. */
    void issue(long[] words, int from);
  }

  private record Graph(long[] words, CUgraphExec executable) {}

  private final CudaContext context;
  private final CudaStream stream;
  private final KernelModule module;
  private final ByteBuffer slots =
      ByteBuffer.allocateDirect(8 * MAX_ARGUMENTS).order(ByteOrder.nativeOrder());
  private final Pointer[] argumentLists = new Pointer[MAX_ARGUMENTS + 1];
  private final Map<Long, Graph> graphs = new LinkedHashMap<>(16, 0.75f, true);
  private final Set<Long> seen = new LinkedHashSet<>();
  private final List<LibraryCall> libraryCalls = new ArrayList<>();
  private long[] words = new long[4096];
  private int length;
  private int open = -1;
  private long flushes;
  private long replays;
  private int lastAt = -1;
  private boolean lastReplayed;

  public LaunchRecorder(CudaContext context, CudaStream stream, KernelModule module) {
    this.context = context;
    this.stream = stream;
    this.module = module;
    Pointer base = Pointer.to(slots);
    Pointer[] slot = new Pointer[MAX_ARGUMENTS];
    for (int i = 0; i < MAX_ARGUMENTS; i++) {
      slot[i] = base.withByteOffset(8L * i);
    }
    for (int count = 0; count <= MAX_ARGUMENTS; count++) {
      argumentLists[count] = Pointer.to(Arrays.copyOf(slot, count));
    }
  }

  /** Index for the declaration of one more library call. */
  public int nextLibraryIndex() {
    return -1 - libraryCalls.size();
  }

  public void register(LibraryCall call) {
    libraryCalls.add(call);
  }

  public void begin(Kernel kernel) {
    reserve(HEADER + kernel.parameters().size());
    open = length;
    words[open + KERNEL] = kernel.index();
    length = open + HEADER;
  }

  public void argument(long bits) {
    words[length++] = bits;
  }

  public void end(int gridX, int gridY, int gridZ, int threads, int sharedBytes) {
    words[open + GRID_X] = gridX;
    words[open + GRID_Y] = gridY;
    words[open + GRID_Z] = gridZ;
    words[open + THREADS] = threads;
    words[open + SHARED] = sharedBytes;
    open = -1;
  }

  public void discard() {
    length = open;
    open = -1;
  }

  private void reserve(int more) {
    if (open >= 0) { // a launch that an exception cut short
      discard();
    }
    if (length + more > words.length) {
      words = Arrays.copyOf(words, Math.max(2 * words.length, length + more));
    }
  }

  /** Hands everything written down to the stream. */
  public void flush() {
    if (open >= 0) {
      discard();
    }
    if (length == 0) {
      return;
    }
    flushes++;
    try {
      long hash = hash();
      Graph graph = graphs.get(hash);
      if (graph != null && Arrays.equals(words, 0, length, graph.words, 0, graph.words.length)) {
        replay(graph);
      } else if (graph == null && seen.remove(hash)) {
        replay(capture(hash));
      } else {
        issue();
        remember(hash);
      }
    } finally {
      lastAt = lastLaunch();
      length = 0;
    }
  }

  /** The last launch handed over, for messages about work that failed later. */
  String last() {
    return lastAt < 0 || length > 0
        ? "earlier launches"
        : (lastReplayed ? "a replayed step that ends with " : "a step that ends with ")
            + describe(lastAt);
  }

  /** Grows with every flush that had work: whoever cached results can see that they are old. */
  long flushes() {
    return flushes;
  }

  boolean isEmpty() {
    return length == 0;
  }

  /** Flushes that were graph launches. */
  public long replays() {
    return replays;
  }

  private long hash() {
    long hash = length;
    for (int i = 0; i < length; i++) {
      hash = (hash ^ words[i]) * 0x9E3779B97F4A7C15L;
      hash ^= hash >>> 29;
    }
    return hash;
  }

  private void remember(long hash) {
    seen.add(hash);
    if (seen.size() > MAX_SEEN) {
      seen.remove(seen.iterator().next());
    }
  }

  private void replay(Graph graph) {
    context.run(
        "replaying a step of " + launches() + " launches",
        () -> JCudaDriver.cuGraphLaunch(graph.executable, stream.handle()));
    replays++;
    lastReplayed = true;
  }

  private Graph capture(long hash) {
    CUgraph captured = new CUgraph();
    CUgraphExec executable = new CUgraphExec();
    context.run(
        "capturing a step",
        () ->
            JCudaDriver.cuStreamBeginCapture(
                stream.handle(), CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    try {
      issue();
    } catch (RuntimeException e) {
      abandonCapture(captured, e);
      throw e;
    }
    context.run(
        "making a graph of " + launches() + " launches",
        () -> {
          JCudaDriver.cuStreamEndCapture(stream.handle(), captured);
          JCudaDriver.cuGraphInstantiate(executable, captured, 0);
          JCudaDriver.cuGraphDestroy(captured);
        });
    Graph graph = new Graph(Arrays.copyOf(words, length), executable);
    graphs.put(hash, graph);
    if (graphs.size() > MAX_GRAPHS) {
      Graph oldest = graphs.remove(graphs.keySet().iterator().next());
      destroy(oldest);
    }
    return graph;
  }

  private void abandonCapture(CUgraph captured, RuntimeException reason) {
    try {
      JCudaDriver.cuStreamEndCapture(stream.handle(), captured);
    } catch (CudaException e) {
      reason.addSuppressed(e);
    }
  }

  private void issue() {
    for (int at = 0; at < length; at += HEADER + parametersAt(at)) {
      try {
        if (words[at + KERNEL] < 0) {
          libraryCalls.get((int) (-1 - words[at + KERNEL])).issue(words, at + HEADER);
        } else {
          issueKernel(at);
        }
      } catch (CudaException e) {
        throw context.failure(e, describe(at));
      }
    }
    lastReplayed = false;
  }

  private void issueKernel(int at) {
    int parameters = parametersAt(at);
    for (int p = 0; p < parameters; p++) {
      slots.putLong(8 * p, words[at + HEADER + p]); // an int or float is the low half
    }
    JCudaDriver.cuLaunchKernel(
        module.function(kernelAt(at)),
        (int) words[at + GRID_X],
        (int) words[at + GRID_Y],
        (int) words[at + GRID_Z],
        (int) words[at + THREADS],
        1,
        1,
        (int) words[at + SHARED],
        stream.handle(),
        argumentLists[parameters],
        null);
  }

  private Kernel kernelAt(int at) {
    int index = (int) words[at + KERNEL];
    return index < 0 ? libraryCalls.get(-1 - index).declaration() : KernelFamily.all().get(index);
  }

  private int parametersAt(int at) {
    return kernelAt(at).parameters().size();
  }

  private int launches() {
    int launches = 0;
    for (int at = 0; at < length; at += HEADER + parametersAt(at)) {
      launches++;
    }
    return launches;
  }

  private int lastLaunch() {
    int last = 0;
    for (int at = 0; at < length; at += HEADER + parametersAt(at)) {
      last = at;
    }
    return last;
  }

  /** Op, grid, block and every argument by its name: the shapes are among them. */
  private String describe(int at) {
    Kernel kernel = kernelAt(at);
    StringBuilder text = new StringBuilder(kernel.symbol()).append('(');
    for (int p = 0; p < kernel.parameters().size(); p++) {
      Kernel.Parameter parameter = kernel.parameters().get(p);
      long bits = words[at + HEADER + p];
      text.append(p == 0 ? "" : ", ").append(parameter.name()).append(' ');
      if (parameter.pointer()) {
        text.append("0x").append(Long.toHexString(bits));
      } else if (parameter.type().equals("float")) {
        text.append(Float.intBitsToFloat((int) bits));
      } else {
        text.append(parameter.type().equals("int") ? (int) bits : bits);
      }
    }
    return text.append("), grid ")
        .append(words[at + GRID_X])
        .append(" x ")
        .append(words[at + GRID_Y])
        .append(" x ")
        .append(words[at + GRID_Z])
        .append(", block ")
        .append(words[at + THREADS])
        .append(", shared ")
        .append(words[at + SHARED])
        .append(" bytes")
        .toString();
  }

  private void destroy(Graph graph) {
    if (!context.lost()) {
      context.run("freeing a graph", () -> JCudaDriver.cuGraphExecDestroy(graph.executable));
    }
  }

  @Override
  public void close() {
    graphs.values().forEach(this::destroy);
    graphs.clear();
  }
}
