package dev.questspark.engine.ops.cpu.gemm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Every way that a checkpoint's rows take into a packed weight, and back out of it: the types, rows
 * that straddle the parts of a fused weight, memory inside and outside the Java heap.
 */
class PackedRowsTest {
  private final Random random = new Random(5);

  @ParameterizedTest
  @CsvSource({
    // arithmetic, checkpoint, columns, rows of each part
    "F32, F32, 33, 1",
    "F32, BF16, 64, 512",
    "F32, F16, 31, 700",
    "BF16, F32, 96, 513 17",
    "BF16, BF16, 896, 300 200 700",
    "BF16, BF16, 1030, 1025",
    "BF16, F16, 17, 40 500"
  })
  void aPackedWeightGivesItsRowsBack(DType dtype, DType stored, int cols, String partRows) {
    List<HostTensor> parts = new ArrayList<>();
    for (String rows : partRows.split(" ")) {
      parts.add(random(stored, Integer.parseInt(rows), cols, parts.size() % 2 == 0));
    }
    int rows = parts.stream().mapToInt(HostTensor::rows).sum();
    try (CpuBackend backend = CpuBackend.open(new BackendOptions(2, dtype, true));
        LinearWeight weight = backend.pack(parts, List.of())) {
      Tensor table = backend.rowsOf(weight).orElseThrow();
      float[][] read = embed(backend, table);
      int at = 0;
      for (HostTensor part : parts) {
        for (int row = 0; row < part.rows(); row++, at++) {
          for (int col = 0; col < cols; col++) {
            float value = part.get(row, col);
            float kept = dtype == DType.BF16 ? DType.bf16ToFloat(DType.floatToBf16(value)) : value;
            assertThat(read[at][col]).as("row %d, column %d", at, col).isEqualTo(kept);
          }
        }
      }
      assertThat(at).isEqualTo(rows);
    }
  }

  @ParameterizedTest
  @CsvSource({"F32, true", "BF16, true", "F16, true", "F32, false", "BF16, false", "F16, false"})
  void aTableOfItsOwnIsExact(DType stored, boolean direct) {
    HostTensor source = random(stored, 123, 40, direct);
    try (CpuBackend backend = CpuBackend.open(new BackendOptions(2, DType.BF16, true))) {
      Tensor table = backend.uploadTable(source);
      assertThat(table.buffer().bytes())
          .isEqualTo(123L * 40 * (stored == DType.BF16 ? Short.BYTES : Float.BYTES));
      float[][] read = embed(backend, table);
      for (int row = 0; row < 123; row++) {
        for (int col = 0; col < 40; col++) {
          assertThat(read[row][col]).isEqualTo(source.get(row, col));
        }
      }
    }
  }

  /** All rows of a table, as {@code embed} gives them to the model. */
  private static float[][] embed(CpuBackend backend, Tensor table) {
    int rows = table.rows();
    int[] tokens = IntStream.range(0, rows).toArray();
    RaggedBatch batch =
        new RaggedBatch(
            tokens, tokens, new int[] {0, rows}, new int[] {0, 1}, new int[1], new int[0]);
    Tensor out = backend.allocate(rows, table.cols());
    backend.ops().embed(out, table, backend.load(batch));
    float[][] read = new float[rows][table.cols()];
    for (int row = 0; row < rows; row++) {
      backend.read(out, row, read[row]);
    }
    return read;
  }

  private HostTensor random(DType dtype, int rows, int cols, boolean direct) {
    int bytes = rows * cols * dtype.bytes();
    ByteBuffer data = direct ? ByteBuffer.allocateDirect(bytes) : ByteBuffer.allocate(bytes);
    data.order(ByteOrder.LITTLE_ENDIAN);
    while (data.hasRemaining()) {
      float value = (float) random.nextGaussian();
      switch (dtype) {
        case F32 -> data.putFloat(value);
        case BF16 -> data.putShort(DType.floatToBf16(value));
        case F16 -> data.putShort((short) (0x2c00 + random.nextInt(0x1400) | sign()));
        case I8 -> throw new IllegalArgumentException("checkpoints have no " + dtype);
      }
    }
    return new HostTensor("random", dtype, rows, cols, data.flip());
  }

  private int sign() {
    return random.nextBoolean() ? 0x8000 : 0;
  }
}
