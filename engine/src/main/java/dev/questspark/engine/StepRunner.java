package dev.questspark.engine;

import dev.questspark.engine.cache.KvStore;
import dev.questspark.engine.failure.DocumentException;
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
import dev.questspark.engine.ops.sample.RowSampling;
import dev.questspark.engine.policy.cache.PrefillPart;
import dev.questspark.engine.schedule.PageCopy;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Runs one planned step on the device: copies, forward pass, sampling, counters. */
final class StepRunner {
  private final Backend backend;
  private final ModelConfig model;
  private final KvStore kvStore;
  private final Decoder decoder;
  private final EngineTotals totals;
  private final float[] logits;

  StepRunner(
      Backend backend, ModelConfig model, KvStore kvStore, Decoder decoder, EngineTotals totals) {
    this.backend = backend;
    this.model = model;
    this.kvStore = kvStore;
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

  Outcome run(StepPlan plan, List<PageCopy> copies) {
    if (!copies.isEmpty()) {
      kvStore.copyPages(
          backend,
          copies.stream().mapToInt(PageCopy::from).toArray(),
          copies.stream().mapToInt(PageCopy::to).toArray());
    }
    LoadedBatch batch = backend.load(plan.batch());
    long[] groupNanos = new long[plan.groups().size()];
    Tensor stepLogits = decoder.forward(batch, plan.attention(), groupNanos);
    totals.prefillSelection(decoder.selectionNanos());
    Map<Integer, DocumentException> failures = new HashMap<>();
    int[] tokens = sample(plan.samples(), stepLogits, failures);
    return new Outcome(tokens, failures, groupNanos, count(plan, batch.counters()));
  }

  /** Logits leave the device for forced tokens alone, whose log-probabilities are asked for. */
  private int[] sample(
      List<Sequence> sequences, Tensor stepLogits, Map<Integer, DocumentException> failures) {
    int[] tokens = new int[sequences.size()];
    RowSampling[] drawn = new RowSampling[tokens.length];
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
      }
    }
    if (sequences.stream().allMatch(StepRunner::greedy)) {
      backend.argmax(tokens, stepLogits);
    } else if (!sequences.stream().allMatch(Sequence::forced)) {
      backend.sample(tokens, stepLogits, drawn);
    }
    for (int i = 0; i < tokens.length; i++) {
      if (tokens[i] < 0) {
        failures.put(i, LogProb.notANumber(-1 - tokens[i]));
      }
    }
    return tokens;
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
    for (int i = 0; i < plan.decodes().size(); i++) {
      int r = plan.firstDecodeRow() + i;
      Sequence sequence = plan.decodes().get(i);
      int position = plan.batch().positions()[r];
      long storedTokens = tokensSeen(position);
      long denseTokens = tokensSeen(position + sequence.document.kept.leftOut());
      long tokens = counters.tokensAttended()[r];
      long read = bytesRead(geometry, counters, r);
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
    long bytes = 0;
    for (int r = 0; r < plan.batch().rows(); r++) {
      bytes += bytesRead(geometry, counters, r);
    }
    return bytes;
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
    return new Completion.Prefill(total, part.isPresent() ? computed : total);
  }

  /** Keys and values, digests and 4-bit keys that a row read. */
  private static long bytesRead(KvGeometry geometry, ReadCounters counters, int row) {
    return geometry.attendBytes(counters.tokensAttended()[row])
        + geometry.scoreBytes(counters.pagesScored()[row])
        + geometry.estimateBytes(counters.tokensEstimated()[row]);
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
