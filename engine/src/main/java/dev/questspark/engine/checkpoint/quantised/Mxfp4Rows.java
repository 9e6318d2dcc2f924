package dev.questspark.engine.checkpoint.quantised;

import dev.questspark.engine.checkpoint.quantised.QuantizedCheckpoint.LayerTensors;
import dev.questspark.engine.checkpoint.safetensors.StoredTensor;
import java.nio.ByteBuffer;

/**
 * OCP Microscaling's MXFP4 as gpt-oss stores it: 32 floats of four bits (E2M1) under one power of
 * two (E8M0), two to a byte, the first in the lower half. {@code _blocks} (..., rows, cols / 32,
 * 16) and {@code _scales} (..., rows, cols / 32); leading dimensions, the experts, count as rows.
 */
final class Mxfp4Rows extends WidenedRows {
  private static final int BLOCK = 32;
  private static final int BLOCK_BYTES = BLOCK / 2;

  private final StoredTensor blocks;
  private final StoredTensor scales;

  private Mxfp4Rows(StoredTensor blocks, StoredTensor scales, int cols) {
    super(blocks, cols);
    this.blocks = blocks;
    this.scales = scales;
  }

  static Mxfp4Rows of(LayerTensors tensors, int rows, int cols) {
    StoredTensor blocks = tensors.get("_blocks").of("U8");
    StoredTensor scales = tensors.get("_scales").of("U8");
    long perRow = cols / BLOCK;
    if (cols % BLOCK != 0
        || blocks.region().bytes() != rows * perRow * BLOCK_BYTES
        || scales.region().bytes() != rows * perRow) {
      throw blocks.wrong(
          "has %d bytes; the model expects [%d, %d] in blocks of %d"
              .formatted(blocks.region().bytes(), rows, cols, BLOCK));
    }
    return new Mxfp4Rows(blocks, scales, cols);
  }

  @Override
  void widen(int row, float[] target) {
    int perRow = cols() / BLOCK;
    ByteBuffer numbers =
        blocks.region().bytes((long) row * perRow * BLOCK_BYTES, perRow * BLOCK_BYTES);
    ByteBuffer exponents = scales.region().bytes((long) row * perRow, perRow);
    for (int block = 0; block < perRow; block++) {
      float scale = SmallFloats.e8m0(exponents.get(block) & 0xff);
      for (int i = 0; i < BLOCK_BYTES; i++) {
        int two = numbers.get(block * BLOCK_BYTES + i) & 0xff;
        target[block * BLOCK + 2 * i] = SmallFloats.e2m1(two & 0xf) * scale;
        target[block * BLOCK + 2 * i + 1] = SmallFloats.e2m1(two >> 4) * scale;
      }
    }
  }
}
