package dev.questspark.engine;

import dev.questspark.engine.cache.KvStore;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.model.AttentionGroup;
import dev.questspark.engine.model.Decoder;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.ReadCounters;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.prefill.BlockShape;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import dev.questspark.engine.ops.prefix.PrefixPages;
import dev.questspark.engine.ops.sample.RowSampling;
import dev.questspark.engine.policy.cache.PrefillPart;
import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.prefix.PrefixStores;
import dev.questspark.engine.schedule.Compression;
import dev.questspark.engine.schedule.PageCopy;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** Runs one planned step on the device: copies, forward pass, sampling, counters. */
final class StepRunner {
  private final Backend backend;
  private final ModelConfig model;
  private final KvStore kvStore;
  private final PrefixStores prefixes;
  private final Decoder decoder;
  private final EngineTotals totals;
  private final float[] logits;

  StepRunner(
      Backend backend,
      ModelConfig model,
      KvStore kvStore,
      PrefixStores prefixes,
      Decoder decoder,
      EngineTotals totals) {
    this.backend = backend;
    this.model = model;
    this.kvStore = kvStore;
    this.prefixes = prefixes;
    this.decoder = decoder;
    this.totals = totals;
    this.logits = new float[model.vocabSize()];
  }

  /**
   * What a step produced.
   *
   * @param tokens one per {@link StepPlan#samples()}
   * @param failures what became of those that got no token, by index
   * @param groupNanos attention time per group
   * @param bytesRead KV bytes that question and decode rows read
   */
  record Outcome(
      int[] tokens, Map<Integer, DocumentException> failures, long[] groupNanos, long bytesRead) {}

  /** What becomes of a document once it is prefilled; to be called when its tokens are chosen. */
  void planPrefix(Sequence.Document document) {
    document.prefix =
        prefixes.plan(
            document.request.cachePolicy().without(TokenSelection.class).forModel(model.layers()),
            document.kept.tokens());
  }

  /** Moves a document's prefix to its store. */
  void compress(Sequence.Document document, Compression compression) {
    document.prefixTable =
        prefixes.compress(
            backend,
            kvStore,
            document.prefix.orElseThrow(),
            new PrefixStores.Prefilled(
                IntStream.range(0, document.kept.tokens()).map(document::tokenAt).toArray(),
                document.kept.ropePosition(document.kept.tokens() - 1),
                compression.livePages(),
                compression.scratchPages(),
                compression.prefixPages()));
  }

  /** Bytes of the pages that a prefilled document holds, live ones and its prefix's. */
  long storedBytes(Sequence.Document document) {
    long live =
        kvStore.geometry().pagesFor(document.kept.tokens() - document.prefixTokens())
            * kvStore.pageBytes();
    return document.prefix.isEmpty()
        ? live
        : live + prefixes.bytes(document.prefix.get().store(), document.prefixTable);
  }

  /** The store of a document's prefix, as the ops see it. */
  PrefixPages prefixPages(int store) {
    return prefixes.stores().get(store).memory();
  }

  Outcome run(StepPlan plan, List<PageCopy> copies) {
    if (!copies.isEmpty()) {
      kvStore.copyPages(
          backend,
          copies.stream().mapToInt(PageCopy::from).toArray(),
          copies.stream().mapToInt(PageCopy::to).toArray());
    }
    LoadedBatch batch = backend.load(plan.batch());
    Tensor stepLogits = decoder.forward(batch, plan.attention());
    Map<Integer, DocumentException> failures = new HashMap<>();
    int[] tokens = sample(plan.samples(), stepLogits, failures);
    long[] clock = batch.clock().nanos(2 * plan.groups().size());
    long[] groupNanos = new long[plan.groups().size()];
    for (int g = 0; g < groupNanos.length; g++) {
      groupNanos[g] = clock[2 * g];
      totals.prefillSelection(clock[2 * g + 1]);
    }
    return new Outcome(tokens, failures, groupNanos, count(plan, batch.counters()));
  }

  /** Logits leave the device for forced tokens alone, whose log-probabilities are asked for. */
  private int[] sample(
      List<Sequence> sequences, Tensor stepLogits, Map<Integer, DocumentException> failures) {
    int[] tokens = new int[sequences.size()];
    if (sequences.stream().allMatch(StepRunner::greedy)) {
      backend.argmax(tokens, stepLogits);
    } else {
      draw(sequences, stepLogits, tokens, failures);
    }
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] < 0) {
        failures.put(i, LogProb.notANumber(-1 - tokens[i]));
      }
    }
    return tokens;
  }

  private void draw(
      List<Sequence> sequences,
      Tensor stepLogits,
      int[] tokens,
      Map<Integer, DocumentException> failures) {
    RowSampling[] drawn = new RowSampling[tokens.length];
    boolean any = false;
    for (int i = 0; i < tokens.length; i++) {
      Sequence sequence = sequences.get(i);
      if (sequence.forced()) {
        backend.read(stepLogits, i, logits);
        try {
          tokens[i] = sequence.force(logits);
        } catch (DocumentException notANumber) {
          failures.put(i, notANumber);
        }
      } else {
        drawn[i] = sampling(sequence);
        any = true;
      }
    }
    if (any) {
      backend.sample(tokens, stepLogits, drawn);
    }
  }

  private static boolean greedy(Sequence sequence) {
    SamplingParams sampling = sequence.request.sampling();
    return !sequence.forced() && sampling.temperature() == 0 && sampling.repetitionPenalty() == 1;
  }

  private static RowSampling sampling(Sequence sequence) {
    SamplingParams params = sequence.request.sampling();
    return params.row(
        params.repetitionPenalty() == 1 ? null : sequence.seen(), sequence.generatedTokens());
  }

  /** Adds the counted reads to the decoding sequences and to the totals. */
  private long count(StepPlan plan, ReadCounters counters) {
    KvGeometry geometry = kvStore.geometry();
    long[] bytesRead = bytesRead(plan, counters);
    for (int i = 0; i < plan.decodes().size(); i++) {
      int r = plan.firstDecodeRow() + i;
      Sequence sequence = plan.decodes().get(i);
      int position = plan.batch().positions()[r];
      Sequence.Document document = sequence.document;
      long storedTokens = tokensSeen(position) + document.prefixSlots();
      long denseTokens = tokensSeen(position + document.prefixTokens() + document.kept.leftOut());
      long tokens = counters.tokensAttended()[r];
      long read = bytesRead[r];
      long dense = geometry.attendBytes(denseTokens);
      sequence.reads.add(
          counters.pagesScored()[r],
          counters.pagesAttended()[r],
          tokens,
          storedTokens,
          read,
          dense);
      totals.read(sequence.request.policy(), read, dense, tokens < storedTokens);
    }
    for (StepPlan.Prefill prefill : plan.prefills()) {
      Sequence.Document document = prefill.document();
      document.prefill = document.prefill.plus(computed(prefill, plan.batch(), counters));
    }
    return Arrays.stream(bytesRead).sum();
  }

  /** The blocks of a document's rows; nobody counts dense ones, which are all of them. */
  private Completion.Prefill computed(
      StepPlan.Prefill prefill, RaggedBatch batch, ReadCounters counters) {
    Optional<PrefillPart> part = prefill.document().request.cachePolicy().prefill();
    int block = part.map(PrefillPart::block).orElse(BlockShape.LARGEST_BLOCK);
    BlockShape shape = new BlockShape(block, block);
    long total = 0;
    long computed = 0;
    for (int row = prefill.rows().from(); row < prefill.rows().to(); row++) {
      int position = batch.positions()[row];
      for (int layer = 0; layer < model.layers() - 1; layer++) {
        int firstVisible = kvStore.layer(layer).firstVisible(position);
        total += (long) model.heads() * shape.visible(position, firstVisible);
      }
      computed += counters.blocksComputed()[row];
    }
    return new Completion.Prefill(total, part.isPresent() ? computed : total, 0);
  }

  /** Keys and values, digests and 4-bit keys that each row read. */
  private long[] bytesRead(StepPlan plan, ReadCounters counters) {
    KvGeometry geometry = kvStore.geometry();
    long[] bytes = new long[plan.batch().rows()];
    for (int row = 0; row < bytes.length; row++) {
      long live = counters.tokensAttended()[row] - counters.prefixTokens()[row];
      bytes[row] =
          geometry.attendBytes(live)
              + geometry.scoreBytes(counters.pagesScored()[row])
              + geometry.estimateBytes(counters.tokensEstimated()[row]);
    }
    for (AttentionGroup group : plan.attention()) {
      if (group instanceof AttentionGroup.Prefixed prefixed) {
        for (int row = group.rows().from(); row < group.rows().to(); row++) {
          PrefixGeometry stored = prefixed.prefixes().pages().geometry();
          bytes[row] += stored.attendBytes(counters.prefixTokens()[row]);
        }
      }
    }
    return bytes;
  }

  /** Tokens that a row sees, summed over layers and KV heads: what dense attention reads. */
  private long tokensSeen(int position) {
    long tokens = 0;
    for (int layer = 0; layer < model.layers(); layer++) {
      tokens += position + 1 - kvStore.layer(layer).firstVisible(position);
    }
    return tokens * model.kvHeads();
  }
}
