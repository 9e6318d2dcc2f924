package dev.questspark.engine.ops.cpu.gemm;

import dev.questspark.engine.ops.Buffer;

/** A table that is read one row at a time, wherever its elements stand. */
public interface TableRows extends Buffer {
  /** Writes row {@code row}, widened to float, to {@code target} from {@code at} on. */
  void read(int row, float[] target, int at);
}
