package dev.questspark.engine;

import dev.questspark.engine.model.AttentionGroup;
import dev.questspark.engine.model.Decoder;
import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.ops.RaggedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.select.PageSelector;
import java.util.List;

/**
 * First steps on pages that no sequence owns yet, so that compilation and one-time set-up are not
 * on any document's clock. The contents they leave in the pages are overwritten before they are
 * read.
 */
final class WarmUp {
  private WarmUp() {}

  /** A chunk of prefill, then a decode step behind it. */
  static void run(
      Backend backend, Decoder decoder, EngineConfig config, PageShape shape, int maxModelLen) {
    int pageSize = config.pageSize();
    int rows = Math.min(Math.min(4 * pageSize, config.maxNumBatchedTokens()), maxModelLen);
    decoder.warmUp(
        backend.load(batch(0, rows, pageSize, new int[0])),
        List.of(new AttentionGroup.Prefill(new RowRange(0, rows), 0, 1)));
    PageSelector dense = new Dense().selector(shape);
    decoder.warmUp(
        backend.load(batch(rows - 1, 1, pageSize, new int[] {0})),
        List.of(new AttentionGroup.Selected(new RowRange(0, 1), dense)));
  }

  /** Whether the first token gets numbers for logits, through all layers. */
  static boolean computesNumbers(Backend backend, Decoder decoder, int pageSize, PageShape shape) {
    PageSelector dense = new Dense().selector(shape);
    Tensor logits =
        decoder.forward(
            backend.load(batch(0, 1, pageSize, new int[] {0})),
            List.of(new AttentionGroup.Selected(new RowRange(0, 1), dense)));
    int[] token = new int[1];
    backend.argmax(token, logits);
    return token[0] >= 0;
  }

  private static RaggedBatch batch(int first, int rows, int pageSize, int[] logitRows) {
    int[] positions = new int[rows];
    for (int r = 0; r < rows; r++) {
      positions[r] = first + r;
    }
    int[] pages = new int[(first + rows + pageSize - 1) / pageSize];
    for (int p = 0; p < pages.length; p++) {
      pages[p] = p + 1;
    }
    return new RaggedBatch(
        new int[rows],
        positions,
        new int[] {0, rows},
        new int[] {0, pages.length},
        pages,
        logitRows);
  }
}
