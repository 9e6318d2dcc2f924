package dev.questspark.engine.model;

import dev.questspark.engine.cache.KvStore;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.model.rope.RopeConfig;
import dev.questspark.engine.model.rope.RopeTable;
import dev.questspark.engine.ops.DType;
import dev.questspark.engine.ops.HostTensor;
import dev.questspark.engine.ops.KvGeometry;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.digest.PageScores;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.reader.PromptReader;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * A decoder with hand-made batches, below the scheduler: tests say exactly which rows stand in
 * which step. Every sequence owns a fixed run of pages.
 */
public final class DecoderHarness implements AutoCloseable {
  static final int PAGE_SIZE = 16;
  private static final int MAX_ROWS = 1024;
  private static final int MAX_LEN = 512;

  public final ModelConfig config;
  private final Backend backend;
  private final ModelWeights weights;
  private final KvStore kvStore;
  private final Decoder decoder;
  private final int maxLen;

  /**
   * @param roundedRope round the rotary frequencies to bfloat16, as the older reference outputs did
   */
  DecoderHarness(Path folder, Backend backend, int sequences, boolean roundedRope) {
    this(folder, backend, sequences, roundedRope, MAX_LEN, MAX_ROWS);
  }

  /** One sequence of up to {@code maxLen} tokens, in steps of up to {@code maxRows}. */
  public DecoderHarness(Path model, Backend backend, int maxLen, int maxRows) {
    this(model, backend, 1, false, maxLen, maxRows);
  }

  private DecoderHarness(
      Path folder, Backend backend, int sequences, boolean roundedRope, int maxLen, int maxRows) {
    this.maxLen = maxLen;
    this.backend = backend;
    this.config = ModelConfigReader.read(folder);
    this.weights = ModelWeights.load(folder, config, backend);
    KvGeometry geometry =
        new KvGeometry(config.layers(), config.kvHeads(), config.headDim(), PAGE_SIZE, DType.F32);
    this.kvStore =
        new KvStore(
            backend,
            geometry,
            sequences * pagesPerSequence(),
            Set.copyOf(PageScores.KNOWN),
            config::window);
    this.decoder =
        new Decoder(
            backend,
            config,
            weights,
            kvStore,
            maxLen,
            rope -> table(rope, roundedRope),
            maxRows,
            maxRows,
            Set.of());
  }

  /** The first layers as a reader of documents of up to as many tokens as a sequence has. */
  public PromptReader reader(int layers, int places) {
    return new PromptReader(backend, decoder, config, kvStore.geometry(), layers, places, maxLen);
  }

  private int pagesPerSequence() {
    return maxLen / PAGE_SIZE;
  }

  private HostTensor table(RopeConfig rope, boolean rounded) {
    if (!rounded) {
      return RopeTable.build(rope, config.headDim(), maxLen);
    }
    float[] frequencies = rope.inverseFrequencies(config.headDim(), MAX_LEN);
    float factor = rope.attentionFactor();
    int half = config.headDim() / 2;
    ByteBuffer table =
        ByteBuffer.allocate(MAX_LEN * config.headDim() * Float.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    for (int position = 0; position < MAX_LEN; position++) {
      for (int i = 0; i < half; i++) {
        float angle = position * DType.bf16ToFloat(DType.floatToBf16(frequencies[i]));
        int at = position * config.headDim() + i;
        table.putFloat(at * Float.BYTES, (float) Math.cos(angle) * factor);
        table.putFloat((at + half) * Float.BYTES, (float) Math.sin(angle) * factor);
      }
    }
    return new HostTensor("rounded rope table", DType.F32, MAX_LEN, config.headDim(), table);
  }

  /**
   * Rows [from, to) of a sequence.
   *
   * @param policy null for dense prefill
   * @param logits positions whose logits are read
   */
  public record Rows(
      int sequence, int[] tokens, int from, int to, ReadPolicy policy, int... logits) {}

  /**
   * One step; dense rows must come before selected ones. Returns the logits asked for, in order.
   */
  public List<float[]> step(List<Rows> spans) {
    List<Integer> tokens = new ArrayList<>();
    List<Integer> positions = new ArrayList<>();
    List<Integer> pageTable = new ArrayList<>();
    List<Integer> logitRows = new ArrayList<>();
    List<AttentionGroup> groups = new ArrayList<>();
    int[] spanRows = new int[spans.size() + 1];
    int[] spanPages = new int[spans.size() + 1];
    for (int s = 0; s < spans.size(); s++) {
      Rows span = spans.get(s);
      int first = tokens.size();
      for (int p = span.from(); p < span.to(); p++) {
        for (int wanted : span.logits()) {
          if (wanted == p) {
            logitRows.add(tokens.size());
          }
        }
        tokens.add(span.tokens()[p]);
        positions.add(p);
      }
      for (int page = 0; page * PAGE_SIZE < span.to(); page++) {
        pageTable.add(1 + span.sequence() * pagesPerSequence() + page);
      }
      spanRows[s + 1] = tokens.size();
      spanPages[s + 1] = pageTable.size();
      RowRange rows = new RowRange(first, tokens.size());
      groups.add(
          span.policy() == null
              ? new AttentionGroup.Prefill(rows, s, s + 1)
              : new AttentionGroup.Selected(
                  rows, span.policy().selector(kvStore.geometry().shape())));
    }
    LoadedBatch batch =
        backend.load(
            new RaggedBatch(
                ints(tokens),
                ints(positions),
                spanRows,
                spanPages,
                ints(pageTable),
                ints(logitRows)));
    Tensor logits = decoder.forward(batch, groups);
    List<float[]> result = new ArrayList<>();
    for (int i = 0; i < logitRows.size(); i++) {
      float[] row = new float[config.vocabSize()];
      backend.read(logits, i, row);
      result.add(row);
    }
    return result;
  }

  public static int argmax(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }

  private static int[] ints(List<Integer> list) {
    return list.stream().mapToInt(Integer::intValue).toArray();
  }

  @Override
  public void close() {
    decoder.close();
    kvStore.close();
    weights.close();
  }
}
