package dev.questspark.engine.ops.cpu.gemm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.cpu.memory.NativeMemory;
import dev.questspark.engine.ops.cpu.onednn.OneDnn;
import dev.questspark.engine.ops.cpu.simd.SimdForm;
import dev.questspark.engine.ops.cpu.simd.SimdOps;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A row by itself has the bits of a row in AMX's tiles, and is right wherever the layout is. */
class SingleRowMatmulTest {
  private final Random random = new Random(7);

  @ParameterizedTest
  @CsvSource({"896, 512", "4864, 384", "128, 128", "320, 500", "64, 33", "32, 96"})
  void aRowAlone(int in, int out) {
    OneDnn library = OneDnn.load();
    if (!library.multipliesBf16Natively()) {
      assertThat(library.multipliesInTiles()).as("tiles are of bf16").isFalse();
      return;
    }
    PanelShape shape = PanelShape.whole(in, out, DType.BF16, DType.BF16);
    ByteBuffer[] outputs = {OneDnn.bytes(TiledMatmul.outputBytes(out))};
    TiledMatmul tiled = new TiledMatmul(library, shape, TiledMatmul.HEIGHTS, outputs);
    Optional<SingleRowMatmul> product = SingleRowMatmul.of(tiled, 1);
    SimdOps simd = SimdForm.ofWorkers(1)[0];
    if (library.multipliesInTiles()) {
      assertThat(product).as("AMX's layout").isPresent();
    }
    if (product.isEmpty() || simd.viewOfPairs(ByteBuffer.allocateDirect(0)) == null) {
      return; // another processor's layout, or its vectors: nothing of this class runs there
    }
    float[] bias = new float[out];
    for (int n = 0; n < out; n++) {
      bias[n] = random.nextFloat();
    }
    try (NativeMemory space = new NativeMemory(tiled.packedBytes());
        NativeMemory input = new NativeMemory(TiledMatmul.TALLEST * shape.rowBytes())) {
      HostTensor weight = weight(out, in);
      TiledMatmul.Weight packed = tiled.pack(List.of(weight), bias, 0, space, 0);
      float[] x = new float[in];
      for (int k = 0; k < in; k++) {
        short bits = DType.floatToBf16((float) random.nextGaussian());
        input.bytes().asShortBuffer().put(k, bits);
        x[k] = DType.bf16ToFloat(bits);
      }
      float[] alone = new float[out + 3];
      product.get().panel(space.bytes(), bias, 0, simd).get().multiply(x, alone, 3, simd, 0);
      tiled.multiply(input, 0, TiledMatmul.FINEST, packed, 0);
      for (int n = 0; n < out; n++) {
        if (library.multipliesInTiles()) {
          assertThat(alone[3 + n]).as("column %d", n).isEqualTo(tiled.output(0).get(n));
        }
        double exact = bias[n];
        double size = Math.abs(exact);
        for (int k = 0; k < in; k++) {
          exact += (double) x[k] * weight.get(n, k);
          size += Math.abs((double) x[k] * weight.get(n, k));
        }
        assertThat((double) alone[3 + n]).isCloseTo(exact, within(in * 0x1p-24 * size));
      }
      packed.close();
    }
  }

  private HostTensor weight(int out, int in) {
    ByteBuffer data = ByteBuffer.allocateDirect(out * in * Short.BYTES);
    data.order(ByteOrder.LITTLE_ENDIAN);
    while (data.hasRemaining()) {
      float size = 1 << random.nextInt(12);
      data.putShort(DType.floatToBf16((float) random.nextGaussian() / size));
    }
    return new HostTensor("random", DType.BF16, out, in, data.flip());
  }
}
