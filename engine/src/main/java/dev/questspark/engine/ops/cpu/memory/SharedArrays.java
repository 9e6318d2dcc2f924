package dev.questspark.engine.ops.cpu.memory;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorShape;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Where tensors stand that are allocated together: those of a type share arrays, in their order,
 * each from the start of a cache line. The garbage collector gives a large array regions of its
 * own, of up to 32 MiB, and leaves the rest of the last one empty: the thousands of tensors of a KV
 * cache, an array each, would take up to twice their bytes.
 */
public final class SharedArrays {
  /**
   * An array that tensors share takes no more: few percent of its regions stay empty, and there are
   * arrays enough for all threads to zero.
   */
  static final long FULL_BYTES = 32 << 20;

  private static final int CACHE_LINE = 64;

  /** Bytes between the start of an array's first region, a cache line's too, and its elements. */
  private static final int HEADER = 16;

  private record Place(SharedArray array, long from) {}

  private static final class SharedArray {
    final DType dtype;
    long count;
    Object elements;

    SharedArray(DType dtype) {
      this.dtype = dtype;
    }

    /** The next element at the start of a cache line. */
    long nextLine() {
      long bytes = HEADER + count * dtype.bytes() + CACHE_LINE - 1;
      return (bytes / CACHE_LINE * CACHE_LINE - HEADER) / dtype.bytes();
    }

    boolean takes(long elements) {
      return HEADER + (nextLine() + elements) * dtype.bytes() <= FULL_BYTES;
    }
  }

  private final List<TensorShape> shapes;
  private final List<Place> places = new ArrayList<>();
  private final List<SharedArray> arrays = new ArrayList<>();

  public SharedArrays(List<TensorShape> shapes) {
    this.shapes = shapes;
    Map<DType, SharedArray> open = new EnumMap<>(DType.class);
    for (TensorShape shape : shapes) {
      places.add(place(shape, open));
    }
  }

  private Place place(TensorShape shape, Map<DType, SharedArray> open) {
    SharedArray array = open.get(shape.dtype());
    if (array == null || !array.takes(shape.elements())) {
      array = new SharedArray(shape.dtype());
      arrays.add(array);
      open.put(shape.dtype(), array);
    }
    // One that fills an array by itself may be as long as arrays can be: nothing before it.
    long from = array.takes(shape.elements()) ? array.nextLine() : 0;
    array.count = from + shape.elements();
    return new Place(array, from);
  }

  /** Java zeroes an array on the thread that allocates it: large ones are worth all threads. */
  public List<Tensor> allocate(Workers workers) {
    workers.run(
        arrays.size(),
        arrays.stream().mapToLong(array -> array.count).max().orElse(0),
        (i, worker) -> {
          SharedArray array = arrays.get(i);
          array.elements = HeapBuffer.array(array.dtype, array.count);
        });
    List<Tensor> tensors = new ArrayList<>();
    for (int i = 0; i < shapes.size(); i++) {
      TensorShape shape = shapes.get(i);
      Place place = places.get(i);
      HeapBuffer buffer =
          new HeapBuffer(place.array.elements, shape.dtype(), (int) place.from, shape.elements());
      tensors.add(new Tensor(buffer, shape.dtype(), 0, shape.rows(), shape.cols(), shape.cols()));
    }
    return tensors;
  }
}
