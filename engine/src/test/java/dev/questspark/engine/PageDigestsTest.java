package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.cache.KvStore;
import dev.questspark.engine.model.Decoder;
import dev.questspark.engine.model.ModelWeights;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.model.rope.RopeTable;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.backend.BackendOptions;
import dev.questspark.engine.ops.cpu.CpuBackend;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.ops.prune.Int4Keys;
import dev.questspark.engine.pages.PagePool;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.prefix.PrefixMemory;
import dev.questspark.engine.prefix.PrefixStores;
import dev.questspark.engine.schedule.DocumentWork;
import dev.questspark.engine.schedule.QuestionWork;
import dev.questspark.engine.schedule.Scheduler;
import dev.questspark.engine.schedule.SchedulerLimits;
import dev.questspark.engine.schedule.Step;
import dev.questspark.engine.schedule.StepResult;
import dev.questspark.engine.tokens.ByteTokenizer;
import dev.questspark.engine.tokens.StopChecker;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * After every step of a random workload with chunked prefill, single appends, forked documents and
 * preemption, the digests of all pages in use are bit-equal to a recomputation from their keys.
 */
class PageDigestsTest {
  private static final int PAGE_SIZE = 16;
  private static final int BLOCK_SIZE = 8;
  private static final int PAGES = 40;

  private final Map<Long, Sequence> sequences = new HashMap<>();
  private final Map<Long, Sequence.Document> documents = new HashMap<>();
  private long nextId;

  @Test
  void digestsAreBitEqualToARecomputation() throws Exception {
    Path folder =
        Path.of(PageDigestsTest.class.getResource("/hf-models/llama3-gqa/config.json").toURI())
            .getParent();
    ModelConfig model = ModelConfigReader.read(folder);
    try (Backend backend = CpuBackend.open(new BackendOptions(2, DType.F32, true));
        ModelWeights weights = ModelWeights.load(folder, model, backend);
        KvStore kvStore =
            new KvStore(
                backend,
                new KvGeometry(
                    model.layers(),
                    model.kvHeads(),
                    model.headDim(),
                    PAGE_SIZE,
                    DType.F32,
                    DType.F32,
                    BLOCK_SIZE),
                PAGES,
                Set.copyOf(PageScores.KNOWN),
                true,
                model::window);
        Decoder decoder =
            new Decoder(
                backend,
                model,
                weights,
                kvStore,
                512,
                rope -> RopeTable.build(rope, model.headDim(), 512),
                64,
                6,
                Set.of())) {
      Scheduler scheduler =
          new Scheduler(new SchedulerLimits(PAGE_SIZE, 6, 61, true), new PagePool(PAGES));
      submitWork(scheduler, model.vocabSize());
      StepPlanner planner = new StepPlanner(kvStore.geometry().shape(), kvStore.geometry().shape());
      PrefixStores none =
          new PrefixStores(
              backend, kvStore.geometry(), PrefixMemory.none(kvStore.geometry()), Set.of());
      StepRunner runner =
          new StepRunner(backend, model, kvStore, none, decoder, new EngineTotals());
      int preemptions = 0;
      int checkedPages = 0;
      Optional<Step> step = scheduler.next();
      while (step.isPresent()) {
        StepPlan plan =
            planner.plan(step.get(), sequences::get, documents::get, runner::prefixPages);
        StepRunner.Outcome outcome = runner.run(plan, step.get().copies());
        for (int i = 0; i < outcome.tokens().length; i++) {
          plan.samples().get(i).accept(outcome.tokens()[i], System.nanoTime());
        }
        checkedPages += checkDigests(backend, kvStore, plan.batch());
        preemptions +=
            (int) step.get().spans().stream().filter(span -> span.preemptions() > 0).count();
        scheduler.complete(new StepResult());
        step = scheduler.next();
      }
      assertThat(scheduler.idle()).isTrue();
      assertThat(preemptions).as("the pool must be tight enough to preempt").isPositive();
      assertThat(checkedPages).isGreaterThan(10_000);
    }
  }

  private void submitWork(Scheduler scheduler, int vocabulary) {
    Random random = new Random(11);
    for (int d = 0; d < 12; d++) {
      int[] text = random.ints(random.nextInt(250), 3, vocabulary).toArray();
      List<QuestionRequest> questions = new ArrayList<>();
      for (int q = 0; q <= random.nextInt(4); q++) {
        questions.add(
            new QuestionRequest(
                random.ints(1 + random.nextInt(20), 3, vocabulary).toArray(),
                ReadPolicy.parse("quest(budget=64, sink=0)"),
                random.nextBoolean(),
                SamplingParams.greedy(1 + random.nextInt(60), List.of())));
      }
      DocumentRequest request = new DocumentRequest("d" + d, text, questions);
      Sequence.Document document = new Sequence.Document(nextId++, request, 0);
      documents.put(document.id, document);
      List<QuestionWork> work = new ArrayList<>();
      for (QuestionRequest question : questions) {
        Sequence sequence =
            new Sequence(
                nextId++,
                document,
                question,
                Optional.empty(),
                new StopChecker(new ByteTokenizer(), question.sampling()));
        sequences.put(sequence.id, sequence);
        work.add(
            new QuestionWork(
                sequence.id, question.tokens().length, question.sampling().maxTokens()));
      }
      scheduler.submit(new DocumentWork(document.id, text.length, work));
    }
  }

  /**
   * Checks all pages of all spans of the step; returns how many (page, layer, head) were checked.
   */
  private static int checkDigests(Backend backend, KvStore kvStore, RaggedBatch batch) {
    int checked = 0;
    KvGeometry geometry = kvStore.geometry();
    for (int s = 0; s < batch.spans(); s++) {
      int context = batch.positions()[batch.spanRows()[s + 1] - 1] + 1;
      for (int i = batch.spanPages()[s]; i < batch.spanPages()[s + 1]; i++) {
        int tokens = Math.min(PAGE_SIZE, context - (i - batch.spanPages()[s]) * PAGE_SIZE);
        for (int layer = 0; layer < geometry.layers(); layer++) {
          for (int head = 0; head < geometry.kvHeads(); head++) {
            checkInt4Keys(backend, kvStore.layer(layer), batch.pageTable()[i], head, tokens);
            for (int block = 0; block * BLOCK_SIZE < tokens; block++) {
              int present = Math.min(BLOCK_SIZE, tokens - block * BLOCK_SIZE);
              checkDigest(
                  backend, kvStore.layer(layer), batch.pageTable()[i], block, head, present);
            }
            checked++;
          }
        }
      }
    }
    return checked;
  }

  private static void checkInt4Keys(Backend backend, KvLayer kv, int page, int head, int tokens) {
    Int4Keys format = kv.geometry().int4Keys();
    float[] stored = new float[format.columns()];
    backend.read(kv.int4Keys().orElseThrow(), page * kv.geometry().kvHeads() + head, stored);
    byte[] bytes = new byte[stored.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) stored[i];
    }
    byte[] again = bytes.clone(); // slots behind the last token hold what they held
    float[] keys = new float[PAGE_SIZE * format.headDim()];
    backend.readKeys(kv, page, head, keys);
    for (int slot = 0; slot < tokens; slot++) {
      format.write(again, 0, slot, keys, slot * format.headDim());
    }
    assertThat(bytes).isEqualTo(again);
  }

  private static void checkDigest(
      Backend backend, KvLayer kv, int page, int block, int head, int tokens) {
    int dim = kv.geometry().headDim();
    float[] min = new float[dim];
    float[] max = new float[dim];
    Arrays.fill(min, Float.POSITIVE_INFINITY);
    Arrays.fill(max, Float.NEGATIVE_INFINITY);
    double[] sum = new double[dim];
    double[] squares = new double[dim];
    float[] keys = new float[PAGE_SIZE * dim];
    backend.readKeys(kv, page, head, keys);
    int from = block * BLOCK_SIZE * dim;
    for (int c = 0; c < dim; c++) {
      for (int t = 0; t < tokens; t++) {
        float key = keys[from + t * dim + c];
        min[c] = Math.min(min[c], key);
        max[c] = Math.max(max[c], key);
        sum[c] += key;
      }
      for (int t = 0; t < tokens; t++) {
        squares[c] += Math.pow(keys[from + t * dim + c] - sum[c] / tokens, 2);
      }
    }
    int pair = (page * kv.geometry().blocksPerPage() + block) * kv.geometry().kvHeads() + head;
    float[] bounds = new float[2 * dim];
    float[] moments = new float[2 * dim];
    backend.read(kv.digests().get(PageScores.MINMAX), pair, bounds);
    backend.read(kv.digests().get(PageScores.MEANSTD), pair, moments);
    assertThat(Arrays.copyOf(bounds, dim)).isEqualTo(min);
    assertThat(Arrays.copyOfRange(bounds, dim, 2 * dim)).isEqualTo(max);
    for (int c = 0; c < dim; c++) {
      double scale = Math.max(Math.abs(min[c]), Math.abs(max[c]));
      assertThat((double) moments[c]).isCloseTo(sum[c] / tokens, within(scale * 4e-6));
      assertThat((double) moments[dim + c])
          .isCloseTo(0.75 * Math.sqrt(squares[c] / tokens), within(scale * 1e-3));
    }
  }
}
