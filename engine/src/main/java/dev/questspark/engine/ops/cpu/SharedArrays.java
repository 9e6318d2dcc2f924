package dev.questspark.engine.ops.cpu;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorShape;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Where tensors stand that are allocated together: those of a type share arrays. The garbage
 * collector gives a large array regions of its own, of up to 32 MiB, and leaves the rest of the
 * last one empty: the thousands of tensors of a KV cache, an array each, would take up to twice
 * their bytes.
 */
final class SharedArrays {
  /**
   * An array takes no more: regions, and whatever threads there are to zero arrays, then have few
   * percent left over.
   */
  private static final long FULL_BYTES = 32 << 20;

  private static final int CACHE_LINE = 64;

  /** An array with a region of its own begins this far before a cache line. */
  private static final int HEADER = 16;

  private record Place(SharedArray array, long from) {}

  private static final class SharedArray {
    final DType dtype;
    long count;
    Object elements;

    SharedArray(DType dtype) {
      this.dtype = dtype;
      this.count = (CACHE_LINE - HEADER) / dtype.bytes();
    }
  }

  private final List<TensorShape> shapes;
  private final List<Place> places = new ArrayList<>();
  private final List<SharedArray> arrays = new ArrayList<>();

  SharedArrays(List<TensorShape> shapes) {
    this.shapes = shapes;
    Map<DType, SharedArray> open = new EnumMap<>(DType.class);
    for (TensorShape shape : shapes) {
      DType dtype = shape.dtype();
      SharedArray array = open.get(dtype);
      if (array == null || HEADER + (array.count + shape.elements()) * dtype.bytes() > FULL_BYTES) {
        array = new SharedArray(dtype);
        open.put(dtype, array);
        arrays.add(array);
      }
      places.add(new Place(array, array.count));
      int line = CACHE_LINE / dtype.bytes();
      array.count += (shape.elements() + line - 1) / line * line;
    }
  }

  /** Java zeroes an array on the thread that allocates it: large ones are worth all threads. */
  List<Tensor> allocate(Workers workers) {
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
