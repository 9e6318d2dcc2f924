package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cuda.driver.CudaContext;
import dev.questspark.engine.ops.cuda.driver.CudaKernels;
import dev.questspark.engine.ops.cuda.driver.CudaStream;
import dev.questspark.engine.ops.cuda.driver.DeviceBuffer;
import dev.questspark.engine.ops.cuda.driver.DevicePool;
import dev.questspark.engine.ops.cuda.driver.LaunchRecorder;
import dev.questspark.engine.ops.cuda.driver.PinnedBuffer;
import dev.questspark.engine.ops.cuda.driver.Readback;
import dev.questspark.engine.ops.cuda.step.Launch;
import dev.questspark.engine.ops.sample.RowSampling;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.util.BitSet;

/**
 * The op {@code sample}: a few numbers a row go to the device, and the tokens that a penalty
 * lowers; four bytes a row come back.
 */
final class DrawnTokens implements AutoCloseable {
  private static final int THREADS = 1024;

  /** Integers of a row, as the kernel reads them. */
  private static final int ROW_INTS = 9;

  /** Places of those that are not written in order. */
  private static final int SEEN_FROM = 7;

  private static final int SEEN_COUNT = 8;
  private static final int NOT_DRAWN = Float.floatToRawIntBits(-1);

  private final CudaContext context;
  private final DevicePool pool;
  private final CudaStream stream;
  private final LaunchRecorder recorder;
  private final Readback readback;
  private final Launch launch;
  private final int maxRows;
  private final DeviceBuffer tokens;
  private PinnedBuffer staging;
  private DeviceBuffer rows;

  DrawnTokens(
      CudaContext context,
      DevicePool pool,
      CudaStream stream,
      LaunchRecorder recorder,
      Readback readback,
      Launch launch,
      int maxRows) {
    this.context = context;
    this.pool = pool;
    this.stream = stream;
    this.recorder = recorder;
    this.readback = readback;
    this.launch = launch;
    this.maxRows = maxRows;
    this.tokens = pool.allocate((long) Integer.BYTES * maxRows);
    allocate(ROW_INTS * maxRows);
  }

  private void allocate(int ints) {
    staging = new PinnedBuffer(context, Math.multiplyExact(Integer.BYTES, ints));
    rows = pool.allocate((long) Integer.BYTES * ints);
  }

  void sample(int[] target, Tensor logits, RowSampling[] sampling) {
    OpArguments.require("logits", logits, target.length, logits.cols());
    if (target.length > maxRows || logits.cols() > RowSampling.LARGEST_VOCABULARY) {
      throw new IllegalArgumentException(
          "logits of "
              + target.length
              + " rows and "
              + logits.cols()
              + " tokens; the backend was opened for "
              + maxRows
              + ", and at most "
              + RowSampling.LARGEST_VOCABULARY
              + " tokens can be told apart");
    }
    int ints = upload(sampling, logits.cols());
    stream.upload(rows, 0, staging, (long) Integer.BYTES * ints);
    launch
        .of(CudaKernels.SAMPLE)
        .outInts(tokens.address())
        .out(logits)
        .inInts(rows.address())
        .integer(logits.cols())
        .integer(logits.rowStride())
        .grid(target.length, 1, 1, THREADS, 0);
    ByteBuffer read = readback.read(tokens, 0, (long) Integer.BYTES * target.length);
    for (int row = 0; row < target.length; row++) {
      if (sampling[row] != null) {
        target[row] = read.getInt(Integer.BYTES * row);
      }
    }
  }

  /** Fills the staging memory, and makes more of it where penalties need it. */
  private int upload(RowSampling[] sampling, int vocabulary) {
    int needed = ROW_INTS * sampling.length;
    for (RowSampling row : sampling) {
      needed += penalised(row) ? row.seen().cardinality() : 0;
    }
    recorder.flush();
    stream.awaitUpload();
    if (Integer.BYTES * needed > staging.bytes().capacity()) {
      stream.await(recorder);
      closeRows();
      allocate(Math.multiplyExact(2, needed));
    }
    IntBuffer ints = staging.bytes().asIntBuffer();
    int seenFrom = ROW_INTS * sampling.length;
    for (int i = 0; i < sampling.length; i++) {
      RowSampling row = sampling[i];
      ints.position(ROW_INTS * i);
      if (row == null) {
        ints.put(NOT_DRAWN);
        continue;
      }
      long random = (long) (row.random() * 0x1p53);
      ints.put(Float.floatToRawIntBits(row.temperature() == 0 ? 0 : row.inverseTemperature()));
      ints.put(row.cutsBest(vocabulary) ? row.topK() : 0);
      ints.put(Float.floatToRawIntBits(row.topP()));
      ints.put(Float.floatToRawIntBits(row.minP()));
      ints.put(Float.floatToRawIntBits(row.repetitionPenalty()));
      ints.put((int) random);
      ints.put((int) (random >>> 32));
      int seenTo = seenFrom;
      if (penalised(row)) {
        BitSet seen = row.seen();
        for (int id = seen.nextSetBit(0);
            id >= 0 && id < vocabulary;
            id = seen.nextSetBit(id + 1)) {
          ints.put(seenTo++, id);
        }
      }
      ints.put(ROW_INTS * i + SEEN_FROM, seenFrom);
      ints.put(ROW_INTS * i + SEEN_COUNT, seenTo - seenFrom);
      seenFrom = seenTo;
    }
    return seenFrom;
  }

  private static boolean penalised(RowSampling row) {
    return row != null && row.repetitionPenalty() != 1;
  }

  private void closeRows() {
    staging.close();
    rows.close();
  }

  @Override
  public void close() {
    closeRows();
    tokens.close();
  }
}
