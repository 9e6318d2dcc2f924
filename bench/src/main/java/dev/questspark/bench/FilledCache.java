package dev.questspark.bench;

import dev.questspark.engine.cache.KvStore;
import dev.questspark.engine.model.AttentionGroup;
import dev.questspark.engine.model.Decoder;
import dev.questspark.engine.model.ModelWeights;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.model.rope.RopeConfig;
import dev.questspark.engine.model.rope.RopeTable;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.ops.digest.PageScore;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.select.PageSelector;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Function;

/**
 * A decoder whose cache holds random keys and values, put there by the op that puts them there in
 * production: decode at a long context without its prefill. Pages of a sequence are scattered, as
 * they are after hours of work.
 */
final class FilledCache implements AutoCloseable {
  private static final int PAGE_SIZE = 16;
  private static final int APPEND_ROWS = 1024;

  private final int context;
  private final int sequences;
  private final ModelConfig model;
  private final Backend backend;
  private final ModelWeights weights;
  private final KvStore store;
  private final Decoder decoder;
  private final int[][] pages;
  private int grown;

  /**
   * @param context tokens of every sequence
   * @param growth most steps that will follow
   */
  FilledCache(Arguments arguments, int sequences, int context, int growth) {
    this.context = context;
    this.sequences = sequences;
    this.model = ModelConfigReader.read(arguments.model());
    this.backend = CpuBackend.open(arguments.backend());
    this.weights = ModelWeights.load(arguments.model(), model, backend);
    DType digests =
        arguments.text("digest-dtype", "int8").equals("int8") ? DType.I8 : backend.cacheDType();
    PageScore score = PageScores.find(arguments.text("score", PageScores.DEFAULT)).orElseThrow();
    int block = arguments.number("digest-block-size", 0);
    KvGeometry geometry =
        new KvGeometry(
            model.layers(),
            model.kvHeads(),
            model.headDim(),
            PAGE_SIZE,
            backend.cacheDType(),
            digests,
            PageShape.of(PAGE_SIZE, block, digests == DType.I8).digestBlockSize());
    int perSequence = geometry.pagesFor(context + growth);
    this.store =
        new KvStore(backend, geometry, sequences * perSequence, Set.of(score), model::window);
    int longest = context + growth;
    Function<RopeConfig, HostTensor> rope = kind -> RopeTable.build(kind, model.headDim(), longest);
    this.decoder =
        new Decoder(backend, model, weights, store, longest, rope, sequences, sequences, Set.of());
    this.pages = scatter(sequences, perSequence);
    fill(rope.apply(model.rope(0)));
  }

  private static int[][] scatter(int sequences, int perSequence) {
    List<Integer> ids = new ArrayList<>();
    for (int id = 1; id <= sequences * perSequence; id++) {
      ids.add(id);
    }
    Collections.shuffle(ids, new Random(1));
    int[][] pages = new int[sequences][perSequence];
    for (int s = 0; s < sequences; s++) {
      for (int p = 0; p < perSequence; p++) {
        pages[s][p] = ids.get(s * perSequence + p);
      }
    }
    return pages;
  }

  private void fill(HostTensor rope) {
    int rows = Math.min(APPEND_ROWS, context);
    Tensor q = backend.allocate(backend.activationDType(), rows, model.queryCols());
    Tensor k = random(rows, model.kvCols(), 2);
    Tensor v = random(rows, model.kvCols(), 3);
    Tensor table = backend.upload(rope);
    for (int s = 0; s < sequences; s++) {
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
                    new int[] {0, pages[s].length},
                    pages[s],
                    new int[0]));
        for (int layer = 0; layer < model.layers(); layer++) {
          // Keys are rotated in place from chunk to chunk, so that no two pages are alike.
          backend
              .ops()
              .appendKv(
                  store.layer(layer),
                  q.rows(0, count),
                  k.rows(0, count),
                  v.rows(0, count),
                  table,
                  chunk);
        }
      }
    }
    List.of(q, k, v, table).forEach(tensor -> tensor.buffer().close());
  }

  private Tensor random(int rows, int cols, long seed) {
    Random random = new Random(seed);
    ByteBuffer data = ByteBuffer.allocate(rows * cols * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    while (data.hasRemaining()) {
      data.putFloat((float) random.nextGaussian());
    }
    return backend.upload(new HostTensor("noise", DType.F32, rows, cols, data.flip()));
  }

  /**
   * One decode step of all sequences, greedy sampling included.
   *
   * @return nanoseconds of the step, and of its attention
   */
  long[] step(PageSelector selector) {
    int position = context + grown++;
    int[] tokens = new int[sequences];
    int[] positions = new int[sequences];
    int[] spans = new int[sequences + 1];
    int[] tables = new int[sequences + 1];
    int used = position / PAGE_SIZE + 1;
    int[] pageTable = new int[sequences * used];
    for (int s = 0; s < sequences; s++) {
      tokens[s] = (position * 31 + s) % model.vocabSize();
      positions[s] = position;
      spans[s + 1] = s + 1;
      tables[s + 1] = (s + 1) * used;
      System.arraycopy(pages[s], 0, pageTable, s * used, used);
    }
    int[] all = new int[sequences];
    Arrays.setAll(all, i -> i);
    long start = System.nanoTime();
    LoadedBatch batch =
        backend.load(new RaggedBatch(tokens, positions, spans, tables, pageTable, all));
    Tensor logits =
        decoder.forward(
            batch, List.of(new AttentionGroup.Selected(new RowRange(0, sequences), selector)));
    backend.argmax(new int[sequences], logits);
    return new long[] {System.nanoTime() - start, batch.clock().nanos(1)[0]};
  }

  /** How tokens are divided. */
  PageShape shape() {
    return store.geometry().shape();
  }

  String describe() {
    return backend.describe();
  }

  /** Bytes that a dense step reads: all weights but the table, keys and values. */
  long denseBytes() {
    return weights.bytes()
        + Math.multiplyExact((long) sequences * context / PAGE_SIZE, store.geometry().pageBytes(0));
  }

  @Override
  public void close() {
    decoder.close();
    store.close();
    weights.close();
    backend.close();
  }
}
