package dev.questspark.engine.prefix;

import dev.questspark.engine.cache.KvStore;
import dev.questspark.engine.model.Decoder;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.policy.cache.heads.Reconstruction;
import java.util.Arrays;
import java.util.function.Function;
import java.util.stream.IntStream;

/**
 * Lets the model repeat a document, chunk by chunk, behind the document's own live pages, and notes
 * how much attention each of its tokens gets: the second pass of KVzip (arXiv 2505.23416).
 */
final class RepetitionScores {
  private static final String FIRST = "\n\nRepeat the text above word for word.\n";
  private static final String NEXT = "\n\nRepeat the text above word for word, beginning with: ";
  private static final int LEAD_TOKENS = 8; // with which a later chunk's request ends

  private final Backend backend;
  private final Decoder decoder;
  private final ModelConfig model;
  private final KvStore kvStore;
  private final int rowsAtOnce;
  private final int[] first;
  private final int[] next;

  /**
   * @param encode a text's tokens
   * @param rowsAtOnce rows of a forward pass
   */
  RepetitionScores(
      Backend backend,
      Decoder decoder,
      ModelConfig model,
      KvStore kvStore,
      Function<String, int[]> encode,
      int rowsAtOnce) {
    this.backend = backend;
    this.decoder = decoder;
    this.model = model;
    this.kvStore = kvStore;
    this.rowsAtOnce = rowsAtOnce;
    this.first = atMost(encode.apply(FIRST), Reconstruction.REQUEST_TOKENS);
    this.next = atMost(encode.apply(NEXT), Reconstruction.REQUEST_TOKENS - LEAD_TOKENS);
  }

  private static int[] atMost(int[] tokens, int most) {
    return tokens.length > most ? Arrays.copyOf(tokens, most) : tokens;
  }

  /**
   * A document in its live pages.
   *
   * @param tokens that are stored, in order
   * @param lastRope position by which its last token turns
   * @param pages of these tokens
   * @param scratch pages for what stands behind them meanwhile
   */
  record Live(int[] tokens, int lastRope, int[] pages, int[] scratch) {}

  /**
   * The scores of a document's first tokens.
   *
   * @return by layer * kvHeads + kvHead, then token
   */
  float[][] of(Live document, int prefixTokens, Reconstruction how) {
    int kvHeads = model.kvHeads();
    float[][] scores = new float[model.layers() * kvHeads][prefixTokens];
    int[] pages = pages(document);
    for (int from = 0; from < prefixTokens; from += how.chunk()) {
      RowRange chunk = new RowRange(from, Math.min(prefixTokens, from + how.chunk()));
      Tensor most = backend.allocate(model.layers() * kvHeads, chunk.count());
      try {
        repeat(document, pages, chunk, Math.min(how.sink(), from), most);
        float[] row = new float[chunk.count()];
        for (int head = 0; head < scores.length; head++) {
          backend.read(most, head, row);
          System.arraycopy(row, 0, scores[head], from, row.length);
        }
      } finally {
        most.buffer().close();
      }
    }
    return scores;
  }

  /** The document's pages and the scratch behind it; its last page, if partly filled, is copied. */
  private int[] pages(Live document) {
    int pageSize = kvStore.geometry().pageSize();
    int full = document.tokens.length / pageSize;
    if (document.tokens.length % pageSize != 0) {
      kvStore.copyPages(backend, new int[] {document.pages[full]}, new int[] {document.scratch[0]});
    }
    int[] pages = Arrays.copyOf(document.pages, full + document.scratch.length);
    System.arraycopy(document.scratch, 0, pages, full, document.scratch.length);
    return pages;
  }

  private void repeat(Live document, int[] pages, RowRange chunk, int sinks, Tensor most) {
    int[] tokens = rows(document.tokens, chunk);
    int end = document.tokens.length;
    for (int done = 0; done < tokens.length; done += rowsAtOnce) {
      int from = done;
      int count = Math.min(rowsAtOnce, tokens.length - done);
      int used = kvStore.geometry().pagesFor(end + done + count);
      RaggedBatch rows =
          new RaggedBatch(
              Arrays.copyOfRange(tokens, done, done + count),
              IntStream.range(end + from, end + from + count).toArray(),
              new int[] {0, count},
              new int[] {0, used},
              Arrays.copyOf(pages, used),
              new int[0]);
      int turn = document.lastRope + 1 - end;
      LoadedBatch batch =
          backend.load(
              rows.turning(Arrays.stream(rows.positions()).map(at -> at + turn).toArray()));
      int kvHeads = model.kvHeads();
      decoder.read(
          batch,
          model.layers(),
          kvStore,
          (layer, q, kv) ->
              backend
                  .prefixOps()
                  .columnMax(
                      most.rows(layer * kvHeads, (layer + 1) * kvHeads),
                      q,
                      kv,
                      batch,
                      new RowRange(0, count),
                      sinks,
                      chunk,
                      end,
                      model.attentionScale(),
                      model.scales().attentionCap()));
    }
  }

  /** The request to repeat a chunk, and the chunk. */
  private int[] rows(int[] document, RowRange chunk) {
    int lead = chunk.from() == 0 ? 0 : Math.min(LEAD_TOKENS, chunk.count());
    IntStream request =
        chunk.from() == 0
            ? Arrays.stream(first)
            : IntStream.concat(
                Arrays.stream(next), Arrays.stream(document, chunk.from(), chunk.from() + lead));
    return IntStream.concat(request, Arrays.stream(document, chunk.from(), chunk.to())).toArray();
  }
}
