package dev.questspark.engine.model;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorOps;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.select.AttentionLogits;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.prefill.PrefillSelector;
import java.util.List;

/**
 * Attention of one layer over the paged cache. Document rows attend densely or to the key blocks
 * that their selector lists for a segment of them; all other rows attend to the pages that their
 * selector lists, and nothing here knows whether that is all of them.
 */
final class Attention {
  private final Backend backend;
  private final TensorOps ops;
  private final Workspace workspace;
  private final AttentionLogits logits;
  private long selectionNanos;

  Attention(Backend backend, Workspace workspace, float scale, float cap) {
    this.backend = backend;
    this.ops = backend.ops();
    this.workspace = workspace;
    this.logits = new AttentionLogits(scale, cap);
  }

  /**
   * Runs all groups that are needed.
   *
   * @param q (R, Hq * D) rotated
   * @param logitsOnly skip groups of document rows none of whose rows has its logits read: in the
   *     last layer nothing else reads them
   * @param groupNanos time per group, added to
   */
  void attend(
      int layer,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      List<AttentionGroup> groups,
      boolean logitsOnly,
      long[] groupNanos) {
    int segments = 0; // of the groups before
    for (int g = 0; g < groups.size(); g++) {
      AttentionGroup group = groups.get(g);
      boolean selected = group instanceof AttentionGroup.Selected;
      if (logitsOnly && !selected && !readsLogits(batch, group.rows())) {
        continue;
      }
      long start = System.nanoTime();
      if (group instanceof AttentionGroup.Prefill prefill) {
        ops.attendPrefill(
            workspace.attended,
            q,
            kv,
            batch,
            prefill.fromSpan(),
            prefill.toSpan(),
            logits.scale(),
            logits.cap());
      } else if (group instanceof AttentionGroup.Segmented segmented) {
        attendSegments(layer, q, kv, batch, segmented, segments);
        segments += segmented.segments().count();
      } else if (group instanceof AttentionGroup.Selected pages) {
        attendSelected(layer, q, kv, batch, pages);
      }
      groupNanos[g] += System.nanoTime() - start;
    }
  }

  /**
   * @param before segments of other groups, whose scores stand before this one's
   */
  private void attendSegments(
      int layer,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      AttentionGroup.Segmented group,
      int before) {
    int kvHeads = kv.geometry().kvHeads();
    int end = before + group.segments().count();
    Tensor scores = workspace.blockScores.rows(before * kvHeads, end * kvHeads);
    long start = System.nanoTime();
    workspace.blocks.begin(group.segments());
    group
        .selector()
        .select(
            workspace.blocks, new PrefillSelector.Query(ops, layer, q, kv, batch, logits, scores));
    selectionNanos += System.nanoTime() - start;
    ops.attendPrefill(
        workspace.attended,
        workspace.logSumExp,
        q,
        kv,
        batch,
        workspace.blocks,
        group.skipping(),
        logits.scale(),
        logits.cap());
  }

  private void attendSelected(
      int layer, Tensor q, KvLayer kv, LoadedBatch batch, AttentionGroup.Selected selected) {
    PageSelector selector = selected.selector();
    int end = selected.rows().to();
    for (int from = selected.rows().from(); from < end; from += Workspace.SELECT_ROWS) {
      RowRange rows = new RowRange(from, Math.min(end, from + Workspace.SELECT_ROWS));
      selector.select(
          workspace.pages,
          new PageSelector.Query(backend, layer, q, kv, batch, rows, logits, workspace.scratch));
      ops.attendPages(
          workspace.attended,
          workspace.logSumExp,
          q,
          kv,
          batch,
          rows,
          workspace.pages,
          logits.scale(),
          logits.cap());
    }
  }

  /** Time in the selectors of document rows, since this began; part of their groups' time. */
  long selectionNanos() {
    return selectionNanos;
  }

  private static boolean readsLogits(LoadedBatch batch, RowRange rows) {
    for (int row : batch.host().logitRows()) {
      if (row >= rows.from() && row < rows.to()) {
        return true;
      }
    }
    return false;
  }
}
