package dev.questspark.engine.ops.cpu.onednn;

import com.sun.jna.Function;
import com.sun.jna.NativeLibrary;
import dev.questspark.engine.ops.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.engine;
import org.bytedeco.dnnl.global.dnnl;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;
import org.bytedeco.dnnl.post_ops;
import org.bytedeco.dnnl.primitive_attr;
import org.bytedeco.dnnl.reorder;
import org.bytedeco.dnnl.stream;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.Pointer;

/**
 * The oneDNN library of this process, and what its callers share. Every primitive runs on one
 * thread, the worker that calls it: the library's own OpenMP threads stay out of the way, so that
 * {@code threads} bounds what the backend uses.
 */
public final class OneDnn {
  private static final int CACHE_LINE = 64;

  private final engine cpu;
  private final ThreadLocal<stream> streams;

  private OneDnn() {
    // JavaCPP would count the Java heap and mapped weights against a limit of its own.
    unlessSet("org.bytedeco.javacpp.maxBytes");
    unlessSet("org.bytedeco.javacpp.maxPhysicalBytes");
    String bindings = Loader.load(dnnl.class);
    // Resolved through the bindings, whose dependency is the very OpenMP runtime oneDNN calls.
    Function setThreads = NativeLibrary.getInstance(bindings).getFunction("omp_set_num_threads");
    setThreads.invokeVoid(new Object[] {1});
    this.cpu = new engine(engine.kind.cpu, 0);
    this.streams =
        ThreadLocal.withInitial(
            () -> {
              setThreads.invokeVoid(new Object[] {1}); // OpenMP keeps this setting per thread
              return new stream(cpu);
            });
  }

  private static void unlessSet(String property) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, "0");
    }
  }

  /** One library per process; the first caller loads it. */
  private static final class Holder {
    static final OneDnn LIBRARY = new OneDnn();
  }

  /**
   * Loads the library.
   *
   * @throws LinkageError if there is none for this platform
   */
  public static OneDnn load() {
    return Holder.LIBRARY;
  }

  /** Version and instruction set in use. */
  public String describe() {
    var version = dnnl.version();
    String isa = dnnl.get_effective_cpu_isa().intern().name();
    return "oneDNN " + version.major() + "." + version.minor() + "." + version.patch() + " " + isa;
  }

  /** Whether this processor has a product of bf16 matrices; oneDNN knows by trying. */
  public boolean multipliesBf16() {
    memory.desc square = rowMajor(memory.data_type.bf16, 16, 16);
    try (var product = new matmul.primitive_desc(cpu, square, square, square)) {
      return !product.isNull();
    } catch (RuntimeException e) {
      return false; // "could not create a primitive descriptor"
    }
  }

  /** Whether the instruction set in use has products of bf16, not only conversions. */
  public boolean multipliesBf16Natively() {
    return switch (dnnl.get_effective_cpu_isa().intern()) {
      case isa_default, sse41, avx, avx2, avx2_vnni, avx2_vnni_2, avx512_core, avx512_core_vnni ->
          false;
      default -> multipliesBf16(); // AVX512_BF16, AMX and all that came after
    };
  }

  /** Whether products of bf16 run in AMX's tiles. */
  public boolean multipliesInTiles() {
    return dnnl.get_effective_cpu_isa().intern().name().contains("amx");
  }

  /** Whether rows in f32 times weights in bf16 have a kernel of their own, in f32 arithmetic. */
  public boolean multipliesF32ByBf16() {
    memory.desc floats = rowMajor(memory.data_type.f32, 16, 16);
    memory.desc any =
        new memory.desc(new long[] {16, 16}, memory.data_type.bf16, memory.format_tag.any);
    try (var product =
        new matmul.primitive_desc(cpu, floats, any, floats, callerScratch(), false)) {
      return !product.impl_info_str().getString().startsWith("ref"); // the loops for any type
    } catch (RuntimeException e) {
      return false; // "could not create a primitive descriptor"
    }
  }

  /**
   * Whether products of 8-bit integers are exact: on a processor without instructions for them
   * oneDNN adds pairs of products in 16 bits, which these overflow.
   */
  public boolean multipliesInt8() {
    memory.desc x = rowMajor(memory.data_type.u8, 16, 64);
    memory.desc y = rowMajor(memory.data_type.s32, 16, 64);
    memory.desc plain = rowMajor(memory.data_type.s8, 64, 64);
    memory.desc any =
        new memory.desc(new long[] {64, 64}, memory.data_type.s8, memory.format_tag.any);
    var product = new matmul.primitive_desc(cpu, x, any, y, callerScratch(), false);
    memory weights = filled(plain, 127);
    memory packed = memory(product.weights_desc());
    new reorder(weights, packed).execute(stream(), weights, packed);
    memory sums = memory(y);
    IntMemoryMap arguments =
        new IntMemoryMap()
            .put(dnnl.DNNL_ARG_SRC, filled(x, 255))
            .put(dnnl.DNNL_ARG_WEIGHTS, packed)
            .put(dnnl.DNNL_ARG_DST, sums)
            .put(dnnl.DNNL_ARG_SCRATCHPAD, memory(product.scratchpad_desc()));
    new matmul(product).execute(stream(), arguments);
    return new IntPointer(sums.get_data_handle()).get(0) == 64 * 255 * 127;
  }

  private memory filled(memory.desc description, int value) {
    memory memory = memory(description);
    Pointer.memset(memory.get_data_handle(), value, description.get_size());
    return memory;
  }

  public engine cpu() {
    return cpu;
  }

  /**
   * The calling thread's stream; what runs on it runs on that thread alone, and is done at once.
   */
  public stream stream() {
    return streams.get();
  }

  /** A row-major matrix. */
  public static memory.desc rowMajor(memory.data_type type, long rows, long cols) {
    return rowMajor(type, rows, cols, cols);
  }

  /** A row-major matrix whose rows are so many numbers apart. */
  public static memory.desc rowMajor(memory.data_type type, long rows, long cols, long rowStride) {
    return new memory.desc(new long[] {rows, cols}, type, new long[] {rowStride, 1});
  }

  /** Scratch memory is passed at execution, so that workers can share a primitive. */
  public static primitive_attr callerScratch() {
    primitive_attr attributes = new primitive_attr();
    attributes.set_scratchpad_mode(dnnl.dnnl_scratchpad_mode_user);
    return attributes;
  }

  /** As {@link #callerScratch}; what is multiplied is added to what stands in the result. */
  public static primitive_attr addingToResult() {
    primitive_attr attributes = callerScratch();
    try (post_ops after = new post_ops()) {
      after.append_sum();
      attributes.set_post_ops(after);
    }
    return attributes;
  }

  public memory memory(memory.desc description) {
    return new memory(description, cpu);
  }

  public memory memory(memory.desc description, FloatBuffer floats) {
    return memory(description, new FloatPointer(floats));
  }

  public memory memory(memory.desc description, ByteBuffer bytes) {
    return memory(description, new BytePointer(bytes));
  }

  /** A view that will be told at each call where its memory is. */
  public memory elsewhere(memory.desc description) {
    return new memory(description, cpu, (Pointer) null); // DNNL_MEMORY_NONE
  }

  /** A view of memory that someone else owns. */
  public memory memory(memory.desc description, Pointer start) {
    return new memory(description, cpu, start);
  }

  /** oneDNN's name for a type that it computes in. */
  public static memory.data_type type(DType dtype) {
    return switch (dtype) {
      case F32 -> memory.data_type.f32;
      case BF16 -> memory.data_type.bf16;
      case I8 -> memory.data_type.s8;
      case F16 -> throw new IllegalArgumentException("no matrices of " + dtype);
    };
  }

  /**
   * Native floats that both sides see, zeroed and aligned to a cache line. A {@code memory} over
   * them does not keep them alive: whoever owns the buffer must.
   */
  static FloatBuffer floats(long count) {
    return bytes(count * Float.BYTES).asFloatBuffer();
  }

  /** As {@link #floats}, bytes. */
  public static ByteBuffer bytes(long count) {
    long lines = (count + CACHE_LINE - 1) / CACHE_LINE;
    ByteBuffer bytes = ByteBuffer.allocateDirect(Math.toIntExact((lines + 1) * CACHE_LINE));
    return bytes.alignedSlice(CACHE_LINE).order(ByteOrder.nativeOrder());
  }
}
