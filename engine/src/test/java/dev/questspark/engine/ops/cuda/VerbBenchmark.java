package dev.questspark.engine.ops.cuda;

import com.google.gson.Gson;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.GroupReduction;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.PageScore;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.IntConsumer;

/**
 * Times the verbs on a GPU, each beside the copy bandwidth of the same run. Not a test: {@code
 * kernels/gpu/run.sh} runs it where there is a device, and writes the table from its JSON lines.
 *
 * <p>Every figure is the median over rounds; a round is a tape of calls over inputs that rotate
 * through more memory than the L2 cache holds, handed to the device as one graph and waited for.
 */
public final class VerbBenchmark implements AutoCloseable {
  private static final int ROUNDS = 15;

  /** Per round: handing a graph over and hearing of its end costs some 60 us, spread over these. */
  private static final int CALLS = 64;

  private static final int HEAD_DIM = 128;
  private static final int PAGE_SIZE = 16;

  /**
   * How large everything is.
   *
   * @param appendRows tokens that are appended at once while a cache is filled
   */
  private record Sizes(
      int batch,
      int context,
      int longContext,
      int layers,
      int appendRows,
      int hidden,
      int copyMiB,
      List<Integer> budgets,
      List<Integer> prefills) {

    static final Sizes FULL =
        new Sizes(
            4,
            32768,
            131072,
            2,
            4096,
            4096,
            1024,
            List.of(512, 1024, 2048, 4096),
            List.of(8192, 32768));

    /** For trying the program on the test driver, which says nothing about speed. */
    static final Sizes TINY =
        new Sizes(2, 128, 256, 1, 64, 128, 1, List.of(32, 64), List.of(64, 128));
  }

  private final CudaBackend backend;
  private final Sizes sizes;
  private final Path out;
  private final Random random = new Random(1);
  private final float[] normal = new float[1 << 20];
  private final Tensor waiting;

  private VerbBenchmark(Sizes sizes, Path out) {
    this.sizes = sizes;
    this.out = out;
    this.backend =
        CudaBackend.open(
            new CudaOptions(
                0,
                DType.BF16,
                DType.BF16,
                true,
                2 * sizes.appendRows(),
                (sizes.batch() + 1) * (sizes.longContext() / PAGE_SIZE + 1)));
    this.waiting = backend.allocate(1, 1);
    for (int i = 0; i < normal.length; i++) {
      normal[i] = (float) random.nextGaussian();
    }
  }

  /** {@code VerbBenchmark OUT.jsonl [tiny]}. */
  public static void main(String[] arguments) throws IOException {
    Sizes sizes = arguments.length > 1 ? Sizes.TINY : Sizes.FULL;
    try (VerbBenchmark benchmark = new VerbBenchmark(sizes, Path.of(arguments[0]))) {
      benchmark.run();
    }
  }

  private void run() throws IOException {
    Files.deleteIfExists(out);
    write("device", Map.of("device", backend.describe()));
    double bandwidth = copyBandwidth();
    write("copy", Map.of("bytes_per_s", bandwidth));
    attention("MHA", 32, 1, DType.BF16, bandwidth);
    attention("MHA, int8 digests", 32, 1, DType.I8, bandwidth);
    attention("GQA", 8, 4, DType.BF16, bandwidth);
    topPages();
    linear();
    for (int tokens : sizes.prefills()) {
      prefill(tokens);
    }
  }

  // ---- time

  /** Median seconds of one call. */
  private double seconds(int calls, IntConsumer verb) {
    float[] target = new float[1];
    double[] rounds = new double[ROUNDS];
    for (int round = -3; round < ROUNDS; round++) { // the first ones compile and capture the graph
      for (int call = 0; call < calls; call++) {
        verb.accept(call);
      }
      long start = System.nanoTime();
      backend.read(waiting, 0, target);
      if (round >= 0) {
        rounds[round] = (System.nanoTime() - start) / 1e9 / calls;
      }
    }
    Arrays.sort(rounds);
    return rounds[ROUNDS / 2];
  }

  /**
   * Bytes read and written per second by a copy of large pages to others, as one launch: more of
   * them would be uploaded, and run, before the clock starts.
   */
  private double copyBandwidth() {
    int pages = 4096;
    int cols = 8192;
    int slots = Math.max(1, sizes.copyMiB() / 128);
    KvGeometry geometry = new KvGeometry(1, 1, cols, slots, DType.BF16);
    Tensor keys = backend.allocate(DType.BF16, 2 * pages * slots, cols);
    Tensor values = backend.allocate(DType.BF16, 2 * pages * slots, cols);
    KvLayer layer = new KvLayer(geometry, keys, values, Map.of(), 0);
    int[] from = new int[pages];
    int[] to = new int[pages];
    Arrays.setAll(from, i -> i);
    Arrays.setAll(to, i -> pages + i);
    double seconds = seconds(1, call -> backend.ops().copyPages(layer, from, to));
    keys.buffer().close();
    values.buffer().close();
    return 2.0 * pages * geometry.pageBytesPerLayer() / seconds;
  }

  // ---- inputs

  /** A block of normal numbers, repeated from a random place on: a device's time is short. */
  private Tensor random(DType dtype, int rows, int cols) {
    ByteBuffer data = ByteBuffer.allocate(rows * cols * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    FloatBuffer floats = data.asFloatBuffer();
    while (floats.hasRemaining()) {
      int from = random.nextInt(normal.length / 2);
      floats.put(normal, from, Math.min(normal.length - from, floats.remaining()));
    }
    return backend.upload(new HostTensor("random", DType.F32, rows, cols, data), dtype);
  }

  /** Sequences of equal length over shuffled pages; {@code rows} last positions each. */
  private static RaggedBatch batch(int sequences, int context, int rows, Random random) {
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

  private KvLayer layer(KvGeometry geometry, int pages) {
    int blocks = (pages + 1) * geometry.kvHeads();
    return new KvLayer(
        geometry,
        backend.allocate(DType.BF16, blocks * PAGE_SIZE, HEAD_DIM),
        backend.allocate(DType.BF16, blocks * PAGE_SIZE, HEAD_DIM),
        Map.of(
            PageScore.MINMAX,
            backend.allocate(geometry.digestDType(), blocks, geometry.digestColumns())),
        0);
  }

  /** Fills a cache through the verb that fills it in production; rotation makes the keys differ. */
  private void fill(KvLayer layer, RaggedBatch whole, int group) {
    int kvHeads = layer.geometry().kvHeads();
    int rows = sizes.appendRows();
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

  private static void free(List<KvLayer> layers) {
    for (KvLayer layer : layers) {
      layer.keys().buffer().close();
      layer.values().buffer().close();
      layer.digests().values().forEach(digests -> digests.buffer().close());
    }
  }

  // ---- verbs

  private void attention(String shape, int kvHeads, int group, DType digests, double bandwidth)
      throws IOException {
    KvGeometry geometry = new KvGeometry(1, kvHeads, HEAD_DIM, PAGE_SIZE, DType.BF16, digests);
    RaggedBatch batch = batch(sizes.batch(), sizes.context(), 1, random);
    List<KvLayer> layers = new ArrayList<>();
    for (int i = 0; i < sizes.layers(); i++) {
      layers.add(layer(geometry, batch.pageTable().length));
      fill(layers.get(i), batch, group);
    }
    int rows = batch.rows();
    int pages = sizes.context() / PAGE_SIZE;
    Tensor q = random(DType.BF16, rows, kvHeads * group * HEAD_DIM);
    Tensor attended = backend.allocate(DType.BF16, rows, q.cols());
    Tensor sums = backend.allocate(rows, kvHeads * group);
    Tensor scores = backend.allocate(rows * kvHeads, pages);
    RowRange range = new RowRange(0, rows);
    LoadedBatch loaded = backend.load(batch);
    float scale = (float) (1 / Math.sqrt(HEAD_DIM));
    long tokens = (long) rows * kvHeads * sizes.context();
    try (PageList list = backend.allocatePageList(rows, kvHeads, pages)) {
      backend.ops().keepPages(list, layers.get(0), loaded, range, PageBudget.ALL);
      double dense =
          seconds(
              CALLS / 4,
              call ->
                  backend
                      .ops()
                      .attendPages(
                          attended,
                          sums,
                          q,
                          layers.get(call % layers.size()),
                          loaded,
                          range,
                          list,
                          scale));
      attention(
          shape + " dense", sizes.context(), dense, geometry.attendBytes(tokens), bandwidth, 1);
      for (int budget : sizes.budgets()) {
        PageBudget kept = new PageBudget(budget / PAGE_SIZE, 0, 0, 0);
        IntConsumer score =
            call ->
                backend
                    .ops()
                    .scorePages(
                        scores,
                        q,
                        layers.get(call % layers.size()),
                        loaded,
                        range,
                        PageScore.MINMAX,
                        GroupReduction.MAX,
                        kept);
        IntConsumer top =
            call -> backend.ops().topPages(list, scores, layers.get(0), loaded, range, kept);
        IntConsumer attend =
            call ->
                backend
                    .ops()
                    .attendPages(
                        attended,
                        sums,
                        q,
                        layers.get(call % layers.size()),
                        loaded,
                        range,
                        list,
                        scale);
        double quest = seconds(CALLS, score.andThen(top).andThen(attend));
        long scoreBytes = geometry.scoreBytes((long) rows * kvHeads * (pages - 1));
        long attendBytes = geometry.attendBytes((long) rows * kvHeads * budget);
        attention(
            shape + " Quest", budget, quest, attendBytes + scoreBytes, bandwidth, dense / quest);
        String verb = shape + ": ";
        part(verb + "score_pages", budget, seconds(CALLS, score), scoreBytes, bandwidth);
        part(verb + "top_pages", budget, seconds(CALLS, top), 0, bandwidth);
        part(verb + "attend_pages", budget, seconds(CALLS, attend), attendBytes, bandwidth);
      }
    }
    free(layers);
    List.of(q, attended, sums, scores).forEach(tensor -> tensor.buffer().close());
  }

  private void attention(
      String what, int kvBudget, double seconds, long bytes, double bandwidth, double speedUp)
      throws IOException {
    Map<String, Object> figures = new LinkedHashMap<>();
    figures.put("context", sizes.context());
    figures.put("batch", sizes.batch());
    figures.put("kv_budget", kvBudget);
    figures.put("us", seconds * 1e6);
    figures.put("floor_us", bytes / bandwidth * 1e6);
    figures.put("bytes_per_s", bytes / seconds);
    figures.put("of_copy_bandwidth", bytes / seconds / bandwidth);
    figures.put("over_dense", speedUp);
    write(what, figures);
  }

  /** One verb of Quest's three, by itself. */
  private void part(String what, int kvBudget, double seconds, long bytes, double bandwidth)
      throws IOException {
    write(
        what,
        Map.of(
            "context",
            sizes.context(),
            "batch",
            sizes.batch(),
            "kv_budget",
            kvBudget,
            "us",
            seconds * 1e6,
            "part_of_copy_bandwidth",
            bytes / seconds / bandwidth));
  }

  private void topPages() throws IOException {
    KvGeometry geometry = new KvGeometry(1, 8, HEAD_DIM, PAGE_SIZE, DType.BF16);
    RaggedBatch batch = batch(1, sizes.longContext(), 1, random);
    int pages = sizes.longContext() / PAGE_SIZE;
    KvLayer layer = layer(geometry, pages);
    Tensor scores = random(DType.F32, geometry.kvHeads(), pages);
    LoadedBatch loaded = backend.load(batch);
    try (PageList list = backend.allocatePageList(1, geometry.kvHeads(), pages)) {
      PageBudget budget = new PageBudget(sizes.budgets().get(1) / PAGE_SIZE, 0, 0, 0);
      double seconds =
          seconds(
              100,
              call ->
                  backend.ops().topPages(list, scores, layer, loaded, new RowRange(0, 1), budget));
      write("top_pages", Map.of("context", sizes.longContext(), "batch", 1, "us", seconds * 1e6));
    }
    free(List.of(layer));
    scores.buffer().close();
  }

  private void linear() throws IOException {
    int in = sizes.hidden();
    int out = 2 * in;
    ByteBuffer data = ByteBuffer.allocate(in * out * 2).order(ByteOrder.LITTLE_ENDIAN);
    while (data.hasRemaining()) {
      data.putShort(DType.floatToBf16(normal[random.nextInt(normal.length)] / 64));
    }
    LinearWeight weight =
        backend.pack(
            List.of(new HostTensor("weight", DType.BF16, out, in, data.flip())), List.of());
    for (int rows : new int[] {1, 8, 64, sizes.appendRows()}) {
      Tensor x = random(DType.BF16, rows, in);
      Tensor y = backend.allocate(DType.BF16, rows, out);
      double seconds = seconds(CALLS / 2, call -> backend.ops().linear(y, x, weight));
      write(
          "linear",
          Map.of(
              "rows",
              rows,
              "k",
              in,
              "n",
              out,
              "us",
              seconds * 1e6,
              "flop_per_s",
              2.0 * rows * in * out / seconds,
              "weight_bytes_per_s",
              2.0 * in * out / seconds));
      x.buffer().close();
      y.buffer().close();
    }
    weight.close();
  }

  /** A whole prompt in chunks, 32 query heads over 8 KV heads. */
  private void prefill(int tokens) throws IOException {
    KvGeometry geometry = new KvGeometry(1, 8, HEAD_DIM, PAGE_SIZE, DType.BF16);
    RaggedBatch whole = batch(1, tokens, 1, random);
    KvLayer layer = layer(geometry, tokens / PAGE_SIZE);
    fill(layer, whole, 4);
    int rows = Math.min(2 * sizes.appendRows(), tokens);
    Tensor q = random(DType.BF16, rows, 32 * HEAD_DIM);
    Tensor attended = backend.allocate(DType.BF16, rows, q.cols());
    double total = 0;
    for (int end = rows; end <= tokens; end += rows) {
      int[] positions = new int[rows];
      int start = end - rows;
      Arrays.setAll(positions, i -> start + i);
      LoadedBatch loaded =
          backend.load(
              new RaggedBatch(
                  new int[rows],
                  positions,
                  new int[] {0, rows},
                  new int[] {0, end / PAGE_SIZE},
                  Arrays.copyOf(whole.pageTable(), end / PAGE_SIZE),
                  new int[0]));
      total +=
          seconds(
              1,
              call ->
                  backend
                      .ops()
                      .attendPrefill(
                          attended, q, layer, loaded, 0, 1, (float) (1 / Math.sqrt(HEAD_DIM))));
    }
    double flops = 2.0 * tokens * tokens * HEAD_DIM * 32;
    write(
        "attend_prefill", Map.of("tokens", tokens, "us", total * 1e6, "flop_per_s", flops / total));
    free(List.of(layer));
    q.buffer().close();
    attended.buffer().close();
  }

  private void write(String what, Map<String, Object> figures) throws IOException {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("what", what);
    line.putAll(figures);
    String json = new Gson().toJson(line);
    System.out.println(json);
    Files.writeString(
        out,
        json + "\n",
        java.nio.file.StandardOpenOption.CREATE,
        java.nio.file.StandardOpenOption.APPEND);
  }

  @Override
  public void close() {
    waiting.buffer().close();
    backend.close();
  }
}
