package dev.questspark.engine.ops.cuda;

import static dev.questspark.engine.ops.cuda.BenchmarkInputs.HEAD_DIM;
import static dev.questspark.engine.ops.cuda.BenchmarkInputs.PAGE_SIZE;

import com.google.gson.Gson;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LinearWeight;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Scoring;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.digest.GroupReduction;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prefill.BlockShape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntConsumer;

/**
 * Times the ops on a GPU, each beside the copy bandwidth of the same run. Not a test: {@code
 * kernels/gpu/run.sh} runs it where there is a device, and writes the table from its JSON lines.
 *
 * <p>Every figure is the median over rounds; a round is a series of calls over inputs that rotate
 * through more memory than the L2 cache holds, handed to the device as one graph and waited for.
 */
public final class OpBenchmark implements AutoCloseable {
  private static final int ROUNDS = 15;

  /** Per round: handing a graph over and hearing of its end costs some 60 us, spread over these. */
  private static final int CALLS = 64;

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

  /** Tokens of a digest block that is less than a page. */
  private static final int BLOCK = 8;

  /**
   * How Quest chooses.
   *
   * @param digests element type of digests
   * @param block tokens per digest
   * @param unit tokens per entry of a list
   * @param reduction of a group's scores
   */
  private record Selection(DType digests, int block, int unit, GroupReduction reduction) {}

  private final CudaBackend backend;
  private final Sizes sizes;
  private final Path out;
  private final BenchmarkInputs inputs;
  private final Tensor waiting;

  private OpBenchmark(Sizes sizes, Path out) {
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
    this.inputs = new BenchmarkInputs(backend, sizes.appendRows());
  }

  /** {@code OpBenchmark OUT.jsonl [tiny]}. */
  public static void main(String[] arguments) throws IOException {
    Sizes sizes = arguments.length > 1 ? Sizes.TINY : Sizes.FULL;
    try (OpBenchmark benchmark = new OpBenchmark(sizes, Path.of(arguments[0]))) {
      benchmark.run();
    }
  }

  private void run() throws IOException {
    Files.deleteIfExists(out);
    write("device", Map.of("device", backend.describe()));
    double bandwidth = copyBandwidth();
    write("copy", Map.of("bytes_per_s", bandwidth));
    rows();
    Selection pages = new Selection(DType.BF16, PAGE_SIZE, PAGE_SIZE, GroupReduction.MAX);
    Selection narrow = new Selection(DType.I8, PAGE_SIZE, PAGE_SIZE, GroupReduction.MAX);
    Selection blocks = new Selection(DType.I8, BLOCK, BLOCK, GroupReduction.MAX);
    Selection halves = new Selection(DType.I8, BLOCK, PAGE_SIZE, GroupReduction.MAX);
    Selection softmax = new Selection(DType.I8, BLOCK, BLOCK, GroupReduction.SOFTMAX);
    attention("MHA", 32, 1, pages, bandwidth);
    attention("MHA, int8 digests", 32, 1, narrow, bandwidth);
    attention("MHA, int8 blocks of 8", 32, 1, blocks, bandwidth);
    attention("GQA", 8, 4, pages, bandwidth);
    attention("GQA, int8 digests", 8, 4, narrow, bandwidth);
    attention("GQA, int8 blocks of 8", 8, 4, blocks, bandwidth);
    attention("GQA, pages by int8 blocks of 8", 8, 4, halves, bandwidth);
    attention("GQA, int8 blocks of 8, softmax", 8, 4, softmax, bandwidth);
    topPages();
    linear();
    for (int tokens : sizes.prefills()) {
      prefill(tokens);
      int rows = Math.min(2 * sizes.appendRows(), tokens);
      int segment = Math.min(512, rows / 2);
      new BlockListBenchmark(backend, inputs, this::seconds, this::write)
          .run(tokens, rows, new BlockShape(segment, Math.min(32, segment)));
    }
  }

  // ---- time

  /** Median seconds of one call. */
  private double seconds(int calls, IntConsumer op) {
    float[] target = new float[1];
    double[] rounds = new double[ROUNDS];
    for (int round = -3; round < ROUNDS; round++) { // the first ones compile and capture the graph
      for (int call = 0; call < calls; call++) {
        op.accept(call);
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

  // ---- ops

  private void attention(
      String shape, int kvHeads, int group, Selection selection, double bandwidth)
      throws IOException {
    int unit = selection.unit();
    KvGeometry geometry =
        new KvGeometry(
            1, kvHeads, HEAD_DIM, PAGE_SIZE, DType.BF16, selection.digests(), selection.block());
    RaggedBatch batch = inputs.batch(sizes.batch(), sizes.context(), 1);
    List<KvLayer> layers = new ArrayList<>();
    for (int i = 0; i < sizes.layers(); i++) {
      layers.add(inputs.layer(geometry, batch.pageTable().length));
      inputs.fill(layers.get(i), batch, group);
    }
    int rows = batch.rows();
    int blocks = sizes.context() / selection.block();
    Tensor q = inputs.random(DType.BF16, rows, kvHeads * group * HEAD_DIM);
    Tensor attended = backend.allocate(DType.BF16, rows, q.cols());
    Tensor sums = backend.allocate(rows, kvHeads * group);
    Tensor scores = backend.allocate(rows * kvHeads, blocks);
    boolean softmax = selection.reduction() == GroupReduction.SOFTMAX;
    Tensor headScores = backend.allocate(softmax ? rows * kvHeads * group : 1, blocks);
    RowRange range = new RowRange(0, rows);
    LoadedBatch loaded = backend.load(batch);
    float scale = (float) (1 / Math.sqrt(HEAD_DIM));
    Scoring scoring =
        new Scoring(PageScores.MINMAX, selection.reduction(), scale, Optional.of(headScores));
    long tokens = (long) rows * kvHeads * sizes.context();
    try (PageList list = backend.allocatePageList(rows, kvHeads, sizes.context() / unit)) {
      backend.ops().keepPages(list, layers.get(0), loaded, range, PageBudget.all(PAGE_SIZE));
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
        PageBudget kept = new PageBudget(unit, budget / unit, 0, 0, 0);
        IntConsumer score =
            call ->
                backend
                    .ops()
                    .scorePages(
                        scores, q, layers.get(call % layers.size()), loaded, range, scoring, kept);
        IntConsumer top =
            call ->
                backend
                    .ops()
                    .topPages(list, scores, selection.block(), layers.get(0), loaded, range, kept);
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
        long scored = blocks - unit / selection.block();
        long scoreBytes = geometry.scoreBytes(rows * kvHeads * scored);
        long attendBytes = geometry.attendBytes((long) rows * kvHeads * budget);
        attention(
            shape + " Quest", budget, quest, attendBytes + scoreBytes, bandwidth, dense / quest);
        String op = shape + ": ";
        part(op + "score_pages", budget, seconds(CALLS, score), scoreBytes, bandwidth);
        part(op + "top_pages", budget, seconds(CALLS, top), 0, bandwidth);
        part(op + "attend_pages", budget, seconds(CALLS, attend), attendBytes, bandwidth);
      }
    }
    BenchmarkInputs.free(layers);
    List.of(q, attended, sums, scores, headScores).forEach(tensor -> tensor.buffer().close());
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

  /** One op of Quest's three, by itself. */
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
    RaggedBatch batch = inputs.batch(1, sizes.longContext(), 1);
    int pages = sizes.longContext() / PAGE_SIZE;
    KvLayer layer = inputs.layer(geometry, pages);
    Tensor scores = inputs.random(DType.F32, geometry.kvHeads(), pages);
    LoadedBatch loaded = backend.load(batch);
    try (PageList list = backend.allocatePageList(1, geometry.kvHeads(), pages)) {
      PageBudget budget = new PageBudget(PAGE_SIZE, sizes.budgets().get(1) / PAGE_SIZE, 0, 0, 0);
      double seconds =
          seconds(
              100,
              call ->
                  backend
                      .ops()
                      .topPages(
                          list, scores, PAGE_SIZE, layer, loaded, new RowRange(0, 1), budget));
      write("top_pages", Map.of("context", sizes.longContext(), "batch", 1, "us", seconds * 1e6));
    }
    BenchmarkInputs.free(List.of(layer));
    scores.buffer().close();
  }

  /**
   * What a decode step launches around attention and GEMM, in the shape of Llama-3.1-8B: all
   * latency. Their inputs come from the L2 cache, as in a step.
   */
  private void rows() throws IOException {
    int rows = 8;
    int inner = sizes.hidden() * 7 / 2;
    Tensor x = inputs.random(DType.BF16, rows, sizes.hidden());
    Tensor y = inputs.random(DType.BF16, rows, sizes.hidden());
    Tensor gain = inputs.random(DType.F32, 1, sizes.hidden());
    Tensor gateUp = inputs.random(DType.BF16, rows, 2 * inner);
    Tensor activated = backend.allocate(DType.BF16, rows, inner);
    row("rms_norm", call -> backend.ops().rmsNorm(y, x, gain, 1e-5f));
    row("add_rms_norm", call -> backend.ops().addRmsNorm(y, x, y, gain, 1e-5f));
    row("silu_mul", call -> backend.ops().siluMul(activated, gateUp));
    appendKv("append_kv", new KvGeometry(1, 8, HEAD_DIM, PAGE_SIZE, DType.BF16), rows);
    appendKv(
        "append_kv, int8 blocks of 8",
        new KvGeometry(1, 8, HEAD_DIM, PAGE_SIZE, DType.BF16, DType.I8, BLOCK),
        rows);
    List.of(x, y, gain, gateUp, activated).forEach(tensor -> tensor.buffer().close());
  }

  private void appendKv(String what, KvGeometry geometry, int rows) throws IOException {
    RaggedBatch batch = inputs.batch(rows, sizes.budgets().get(0), 1);
    KvLayer layer = inputs.layer(geometry, batch.pageTable().length);
    inputs.fill(layer, batch, 4);
    LoadedBatch loaded = backend.load(batch);
    Tensor q = inputs.random(DType.BF16, rows, 32 * HEAD_DIM);
    Tensor k = inputs.random(DType.BF16, rows, 8 * HEAD_DIM);
    Tensor v = inputs.random(DType.BF16, rows, 8 * HEAD_DIM);
    Tensor rope = inputs.random(DType.F32, sizes.budgets().get(0), HEAD_DIM);
    row(what, call -> backend.ops().appendKv(layer, q, k, v, rope, loaded));
    BenchmarkInputs.free(List.of(layer));
    List.of(q, k, v, rope).forEach(tensor -> tensor.buffer().close());
  }

  private void row(String what, IntConsumer op) throws IOException {
    write(what, Map.of("rows", 8, "us", seconds(CALLS, op) * 1e6));
  }

  private void linear() throws IOException {
    int in = sizes.hidden();
    int out = 2 * in;
    LinearWeight weight = inputs.weight(out, in);
    for (int rows : new int[] {1, 8, 64, sizes.appendRows()}) {
      Tensor x = inputs.random(DType.BF16, rows, in);
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
    RaggedBatch whole = inputs.batch(1, tokens, 1);
    KvLayer layer = inputs.layer(geometry, tokens / PAGE_SIZE);
    inputs.fill(layer, whole, 4);
    int rows = Math.min(2 * sizes.appendRows(), tokens);
    Tensor q = inputs.random(DType.BF16, rows, 32 * HEAD_DIM);
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
    BenchmarkInputs.free(List.of(layer));
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
