package dev.questspark.engine.ops.cuda;

import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.digest.PageScores;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Random tensors, batches and filled caches for {@link OpBenchmark}. */
final class BenchmarkInputs {
  static final int HEAD_DIM = 128;
  static final int PAGE_SIZE = 16;

  private final CudaBackend backend;
  private final int appendRows;
  private final Tensor waiting;
  private final Random random = new Random(1);
  private final float[] normal = new float[1 << 20];

  /**
   * @param appendRows tokens that are appended at once while a cache is filled
   */
  BenchmarkInputs(CudaBackend backend, int appendRows) {
    this.backend = backend;
    this.appendRows = appendRows;
    this.waiting = backend.allocate(1, 1);
    for (int i = 0; i < normal.length; i++) {
      normal[i] = (float) random.nextGaussian();
    }
  }

  /** A block of normal numbers, repeated from a random place on: a device's time is short. */
  Tensor random(DType dtype, int rows, int cols) {
    ByteBuffer data = ByteBuffer.allocate(rows * cols * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    FloatBuffer floats = data.asFloatBuffer();
    while (floats.hasRemaining()) {
      int from = random.nextInt(normal.length / 2);
      floats.put(normal, from, Math.min(normal.length - from, floats.remaining()));
    }
    return backend.upload(new HostTensor("random", DType.F32, rows, cols, data), dtype);
  }

  /** Sequences of equal length over shuffled pages; {@code rows} last positions each. */
  RaggedBatch batch(int sequences, int context, int rows) {
    int pages = context / PAGE_SIZE;
    List<Integer> ids = new ArrayList<>();
    for (int i = 1; i <= sequences * pages; i++) {
      ids.add(i);
    }
    Collections.shuffle(ids, random);
    int[] positions = new int[sequences * rows];
    int[] spanRows = new int[sequences + 1];
    int[] spanPages = new int[sequences + 1];
    for (int s = 0; s < sequences; s++) {
      for (int i = 0; i < rows; i++) {
        positions[s * rows + i] = context - rows + i;
      }
      spanRows[s + 1] = (s + 1) * rows;
      spanPages[s + 1] = (s + 1) * pages;
    }
    return new RaggedBatch(
        new int[positions.length],
        positions,
        spanRows,
        spanPages,
        ids.stream().mapToInt(Integer::intValue).toArray(),
        new int[0]);
  }

  KvLayer layer(KvGeometry geometry, int pages) {
    int shares = (pages + 1) * geometry.kvHeads();
    int digests = shares * geometry.blocksPerPage();
    return new KvLayer(
        geometry,
        backend.allocate(DType.BF16, shares * PAGE_SIZE, HEAD_DIM),
        backend.allocate(DType.BF16, shares * PAGE_SIZE, HEAD_DIM),
        Map.of(
            PageScores.MINMAX,
            backend.allocate(geometry.digestDType(), digests, geometry.digestColumns())),
        0);
  }

  /** Fills a cache through the op that fills it in production; rotation makes the keys differ. */
  void fill(KvLayer layer, RaggedBatch whole, int group) {
    int kvHeads = layer.geometry().kvHeads();
    int rows = appendRows;
    Tensor q = backend.allocate(DType.BF16, rows, kvHeads * group * HEAD_DIM);
    Tensor k = random(DType.BF16, rows, kvHeads * HEAD_DIM);
    Tensor v = random(DType.BF16, rows, kvHeads * HEAD_DIM);
    int context = whole.positions()[whole.spanRows()[1] - 1] + 1;
    Tensor rope = random(DType.F32, context, HEAD_DIM);
    for (int s = 0; s < whole.spans(); s++) {
      int[] pages =
          Arrays.copyOfRange(whole.pageTable(), whole.spanPages()[s], whole.spanPages()[s + 1]);
      for (int from = 0; from < context; from += rows) {
        int first = from;
        int count = Math.min(rows, context - from);
        int[] positions = new int[count];
        Arrays.setAll(positions, i -> first + i);
        LoadedBatch chunk =
            backend.load(
                new RaggedBatch(
                    new int[count],
                    positions,
                    new int[] {0, count},
                    new int[] {0, pages.length},
                    pages,
                    new int[0]));
        backend
            .ops()
            .appendKv(layer, q.rows(0, count), k.rows(0, count), v.rows(0, count), rope, chunk);
        backend.read(waiting, 0, new float[1]);
      }
    }
    List.of(q, k, v, rope).forEach(tensor -> tensor.buffer().close());
  }

  static void free(List<KvLayer> layers) {
    for (KvLayer layer : layers) {
      layer.keys().buffer().close();
      layer.values().buffer().close();
      layer.digests().values().forEach(digests -> digests.buffer().close());
    }
  }

  LinearWeight weight(int out, int in) {
    ByteBuffer data = ByteBuffer.allocate(in * out * 2).order(ByteOrder.LITTLE_ENDIAN);
    while (data.hasRemaining()) {
      data.putShort(DType.floatToBf16(normal[random.nextInt(normal.length)] / 64));
    }
    return backend.pack(
        List.of(new HostTensor("weight", DType.BF16, out, in, data.flip())), List.of());
  }
}
