package dev.questspark.engine.model.rope;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Cosines and sines of every position, as {@code TensorOps.appendKv} reads them. */
public final class RopeTable {
  private static final Logger LOG = LoggerFactory.getLogger(RopeTable.class);

  private RopeTable() {}

  /**
   * Builds the table in float32; scaling and attention factor are folded in.
   *
   * @param maxModelLen positions, from 0
   * @return (maxModelLen, headDim): per row headDim / 2 cosines, then as many sines
   */
  public static HostTensor build(RopeConfig rope, int headDim, int maxModelLen) {
    return build(rope, headDim, maxModelLen, 0);
  }

  /**
   * The same with more positions, at the angles that sequences of {@code maxModelLen} have.
   *
   * @param beyond how many
   */
  public static HostTensor build(RopeConfig rope, int headDim, int maxModelLen, int beyond) {
    int positions = Math.addExact(maxModelLen, beyond);
    long bytes = (long) positions * headDim * DType.F32.bytes();
    if (bytes > Integer.MAX_VALUE) {
      throw new ConfigException(
          "max_model_len is "
              + maxModelLen
              + "; its rotary table would take "
              + bytes
              + " bytes, and at most "
              + Integer.MAX_VALUE
              + " are possible");
    }
    if (rope instanceof RopeConfig.Dynamic dynamic) {
      LOG.info(
          "rope dynamic: base fixed at {} by max_model_len {} (theta {}, factor {}, trained on {})",
          dynamic.base(headDim, maxModelLen),
          maxModelLen,
          dynamic.theta(),
          dynamic.factor(),
          dynamic.trainedTokens());
    }
    if (unwrapped(rope) instanceof RopeConfig.LongRope longRope) {
      LOG.info(
          "rope longrope: {} factors, as max_model_len is {} (trained on {})",
          maxModelLen > longRope.trainedTokens() ? "long" : "short",
          maxModelLen,
          longRope.trainedTokens());
    }
    float[] frequencies = rope.inverseFrequencies(headDim, maxModelLen);
    int turning = rope.rotatedChannels(headDim) / 2;
    ByteBuffer table = ByteBuffer.allocateDirect((int) bytes).order(ByteOrder.LITTLE_ENDIAN);
    int half = headDim / 2;
    for (int position = 0; position < positions; position++) {
      int row = position * headDim;
      for (int i = 0; i < half; i++) {
        float angle = position * frequencies[i]; // rounded to float, as the reference does
        float factor = i < turning ? rope.attentionFactor() : 1;
        float cos = (float) Math.cos(angle) * factor;
        float sin = (float) Math.sin(angle) * factor;
        table.putFloat((row + i) * Float.BYTES, cos);
        table.putFloat((row + half + i) * Float.BYTES, sin);
      }
    }
    return new HostTensor("rope table", DType.F32, positions, headDim, table);
  }

  private static RopeConfig unwrapped(RopeConfig rope) {
    return rope instanceof RopeConfig.Partial partial ? partial.rope() : rope;
  }
}
