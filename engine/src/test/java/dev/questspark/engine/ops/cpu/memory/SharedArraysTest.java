package dev.questspark.engine.ops.cpu.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorShape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

class SharedArraysTest {
  private static final int TENSORS = 300;
  private static final int MANY = (int) (SharedArrays.FULL_BYTES / 4);

  private static List<Tensor> allocate(List<TensorShape> shapes) {
    try (Workers workers = new Workers(2)) {
      return new SharedArrays(shapes).allocate(workers);
    }
  }

  private static void fill(Tensor tensor, int mark) {
    int from = HeapBuffer.at(tensor, 0);
    int to = from + tensor.rows() * tensor.cols();
    switch (tensor.dtype()) {
      case F32 -> Arrays.fill(HeapBuffer.floats(tensor), from, to, mark);
      case BF16 -> Arrays.fill(HeapBuffer.bf16s(tensor), from, to, (short) mark);
      default -> Arrays.fill(HeapBuffer.int8s(tensor), from, to, (byte) mark);
    }
  }

  private static double at(Tensor tensor, int index) {
    int at = HeapBuffer.at(tensor, 0) + index;
    return switch (tensor.dtype()) {
      case F32 -> HeapBuffer.floats(tensor)[at];
      case BF16 -> HeapBuffer.bf16s(tensor)[at];
      default -> HeapBuffer.int8s(tensor)[at];
    };
  }

  /** What is written to one tensor stays out of all others, whichever were closed. */
  @ParameterizedTest
  @EnumSource(mode = Mode.EXCLUDE, names = "F16")
  void tensorsShareNoElement(DType dtype) {
    Random random = new Random(7);
    List<TensorShape> shapes = new ArrayList<>();
    for (int i = 0; i < TENSORS; i++) {
      DType other = i % 3 == 0 ? DType.F32 : dtype;
      shapes.add(new TensorShape(other, 1 + random.nextInt(300), 1 + random.nextInt(300)));
    }
    shapes.add(1, new TensorShape(dtype, 1, MANY + 1)); // an array by itself, unless of bytes
    shapes.add(2, new TensorShape(dtype, 1, 1));

    List<Tensor> tensors = allocate(shapes);

    for (int i = 0; i < tensors.size(); i++) {
      TensorShape shape = shapes.get(i);
      Tensor tensor = tensors.get(i);
      assertThat(new TensorShape(tensor.dtype(), tensor.rows(), tensor.cols())).isEqualTo(shape);
      assertThat(tensor.buffer().bytes()).isEqualTo(shape.elements() * shape.dtype().bytes());
      assertThat(at(tensor, 0)).as("zero at first").isZero();
      fill(tensor, 1 + i % 100);
    }
    tensors.get(0).buffer().close();
    for (int i = 1; i < tensors.size(); i++) {
      Tensor tensor = tensors.get(i);
      int count = tensor.rows() * tensor.cols();
      double sum = 0;
      for (int j = 0; j < count; j++) {
        sum += at(tensor, j);
      }
      assertThat(sum).as("tensor %d", i).isEqualTo((1 + i % 100) * (double) count);
    }
    assertThatThrownBy(() -> at(tensors.get(0), 0)).hasMessageContaining("closed");
  }

  /** A KV cache's tensors stand one behind the other. */
  @ParameterizedTest
  @EnumSource(mode = Mode.EXCLUDE, names = "F16")
  void smallTensorsStandTogether(DType dtype) {
    TensorShape shape = new TensorShape(dtype, 1 << 10, 1 << 10);
    List<Tensor> tensors = allocate(List.of(shape, shape, shape));
    int line = 64 / dtype.bytes();
    int header = 16 / dtype.bytes();
    int first = HeapBuffer.at(tensors.get(0), 0);
    assertThat((first + header) % line).as("starts a cache line").isZero();
    assertThat(HeapBuffer.at(tensors.get(1), 0)).isEqualTo(first + (1 << 20));
    assertThat(HeapBuffer.at(tensors.get(2), 0)).isEqualTo(first + (2 << 20));
  }

  /** The longest array there is has no room for a cache line's rest before it. */
  @ParameterizedTest
  @EnumSource(mode = Mode.EXCLUDE, names = "F16")
  void aLargeTensorHasAnArrayByItself(DType dtype) {
    int cols = (int) (SharedArrays.FULL_BYTES / dtype.bytes());
    TensorShape small = new TensorShape(dtype, 1, 3);
    List<Tensor> tensors = allocate(List.of(small, new TensorShape(dtype, 1, cols), small));
    assertThat(HeapBuffer.at(tensors.get(1), 0)).isZero();
    fill(tensors.get(2), 5);
    assertThat(at(tensors.get(1), cols - 1)).isZero();
  }
}
