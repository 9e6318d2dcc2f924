package dev.questspark.engine.ops.cpu.attention;

import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_DST;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SCRATCHPAD;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_SRC;
import static org.bytedeco.dnnl.global.dnnl.DNNL_ARG_WEIGHTS;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.cpu.onednn.NativeNumbers;
import dev.questspark.engine.ops.cpu.onednn.OneDnn;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.util.HashMap;
import java.util.Map;
import org.bytedeco.dnnl.IntMemoryMap;
import org.bytedeco.dnnl.matmul;
import org.bytedeco.dnnl.memory;

/** Products on oneDNN, {@link #HEIGHT} rows at a time. Both factors are rounded to their type. */
final class OneDnnKeyProduct implements KeyProduct {
  /** Rows of one product; those of a factor that it has no numbers for do no harm. */
  private static final int HEIGHT = 64;

  private final OneDnn library;
  private final SimdOps simd;
  private final DType dtype;
  private final Map<Shape, Product> products = new HashMap<>();
  private short[] rounded = new short[0];
  private float[] left;
  private int count;
  private int width;
  private Product holdsLeft; // the one that has the left matrix

  OneDnnKeyProduct(OneDnn library, SimdOps simd, DType dtype) {
    this.library = library;
    this.simd = simd;
    this.dtype = dtype;
  }

  private record Shape(int width, int cols) {}

  /** Products of one shape, and the memory that they read and write. */
  private final class Product {
    final NativeNumbers left;
    final NativeNumbers right;
    final NativeNumbers result;
    final matmul multiply;
    final IntMemoryMap[] arguments = new IntMemoryMap[ROWS / HEIGHT];

    Product(Shape shape) {
      left = new NativeNumbers(dtype, (long) ROWS * shape.width);
      right = new NativeNumbers(dtype, (long) shape.width * shape.cols);
      result = new NativeNumbers(DType.F32, (long) ROWS * shape.cols);
      memory.desc row = OneDnn.rowMajor(OneDnn.type(dtype), HEIGHT, shape.width);
      memory factor = right.matrix(library, 0, shape.width, shape.cols, shape.cols);
      memory.desc out = OneDnn.rowMajor(memory.data_type.f32, HEIGHT, shape.cols);
      matmul.primitive_desc described =
          new matmul.primitive_desc(
              library.cpu(), row, factor.get_desc(), out, OneDnn.callerScratch(), false);
      multiply = new matmul(described);
      for (int i = 0; i < arguments.length; i++) {
        int from = i * HEIGHT;
        arguments[i] =
            new IntMemoryMap()
                .put(
                    DNNL_ARG_SRC,
                    left.matrix(library, from * shape.width, HEIGHT, shape.width, shape.width))
                .put(DNNL_ARG_WEIGHTS, factor)
                .put(
                    DNNL_ARG_DST,
                    result.matrix(library, from * shape.cols, HEIGHT, shape.cols, shape.cols))
                .put(DNNL_ARG_SCRATCHPAD, library.memory(described.scratchpad_desc()));
      }
    }
  }

  @Override
  public void left(float[] rows, int count, int width) {
    this.left = rows;
    this.count = count;
    this.width = width;
    this.holdsLeft = null;
  }

  @Override
  public void times(float[] factor, int cols, float[] out) {
    Product product = products.computeIfAbsent(new Shape(width, cols), Product::new);
    if (holdsLeft != product) {
      put(product.left, left, count * width);
      holdsLeft = product;
    }
    put(product.right, factor, width * cols);
    for (int from = 0; from < count; from += HEIGHT) {
      product.multiply.execute(library.stream(), product.arguments[from / HEIGHT]);
    }
    product.result.get(0, out, 0, count * cols);
  }

  private void put(NativeNumbers target, float[] numbers, int count) {
    if (dtype == DType.F32) {
      target.put(0, numbers, 0, count);
      return;
    }
    if (rounded.length < count) {
      rounded = new short[count];
    }
    simd.round(numbers, 0, rounded, 0, count);
    target.put(0, rounded, 0, count);
  }
}
