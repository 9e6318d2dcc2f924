package dev.questspark.engine.model;

import dev.questspark.engine.ops.KvLayer;
import dev.questspark.engine.ops.LoadedBatch;
import dev.questspark.engine.ops.RowRange;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.TensorOps;
import dev.questspark.engine.ops.backend.Backend;
import dev.questspark.engine.ops.prefix.PrefixOps;
import dev.questspark.engine.ops.prefix.PrefixRows;
import dev.questspark.engine.select.AttentionLogits;
import dev.questspark.engine.select.PageSelector;
import dev.questspark.engine.select.prefill.PrefillSelector;
import dev.questspark.engine.select.prefix.PrefixSelector;
import java.util.ArrayList;
import java.util.List;

/**
 * Attention of one layer over the paged cache. Document rows attend densely or to the key blocks
 * that their selector lists for a segment of them; all other rows attend to the pages that their
 * selector lists, and nothing here knows whether that is all of them. Where their document is in a
 * prefix store, they attend to what follows it, and to the prefix then.
 */
final class Attention {
  private final Backend backend;
  private final TensorOps ops;
  private final Workspace workspace;
  private final AttentionLogits logits;

  Attention(Backend backend, Workspace workspace, float scale, float cap) {
    this.backend = backend;
    this.ops = backend.ops();
    this.workspace = workspace;
    this.logits = new AttentionLogits(scale, cap);
  }

  /**
   * Runs all groups that are needed. Part 2 g of the batch's clock is group g, part 2 g + 1 what
   * its selector of document rows takes of that.
   *
   * @param q (R, Hq * D) rotated
   * @param logitsOnly skip groups of document rows none of whose rows has its logits read: in the
   *     last layer nothing else reads them
   */
  void attend(
      int layer,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      List<AttentionGroup> groups,
      boolean logitsOnly) {
    LoadedBatch.Clock clock = batch.clock();
    int segments = 0; // of the groups before
    for (int g = 0; g < groups.size(); g++) {
      AttentionGroup group = groups.get(g);
      boolean ofDocument =
          group instanceof AttentionGroup.Prefill || group instanceof AttentionGroup.Segmented;
      if (logitsOnly && ofDocument && !readsLogits(batch, group.rows())) {
        continue;
      }
      clock.start(2 * g, layer);
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
        attendSegments(layer, q, kv, batch, segmented, segments, 2 * g + 1);
        segments += segmented.segments().count();
      } else if (group instanceof AttentionGroup.Selected pages) {
        attendSelected(layer, q, kv, batch, pages.rows(), pages.selector());
      } else if (group instanceof AttentionGroup.Prefixed prefixed) {
        attendSelected(layer, q, kv, batch, prefixed.rows(), prefixed.suffix());
        attendPrefix(layer, q, batch, prefixed);
      }
      clock.stop(2 * g, layer);
    }
  }

  /**
   * @param before segments of other groups, whose scores stand before this one's
   * @param part of the clock that selecting is
   */
  private void attendSegments(
      int layer,
      Tensor q,
      KvLayer kv,
      LoadedBatch batch,
      AttentionGroup.Segmented group,
      int before,
      int part) {
    int kvHeads = kv.geometry().kvHeads();
    int end = before + group.segments().count();
    Tensor scores = workspace.blockScores.rows(before * kvHeads, end * kvHeads);
    batch.clock().start(part, layer);
    workspace.blocks.begin(group.segments());
    group
        .selector()
        .select(
            workspace.blocks,
            new PrefillSelector.Query(backend, layer, q, kv, batch, logits, scores));
    batch.clock().stop(part, layer);
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
      int layer, Tensor q, KvLayer kv, LoadedBatch batch, RowRange of, PageSelector selector) {
    for (RowRange rows : parts(of)) {
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

  /** Adds the prefix to what its rows have attended to after it. */
  private void attendPrefix(int layer, Tensor q, LoadedBatch batch, AttentionGroup.Prefixed group) {
    PrefixOps prefixOps = backend.prefixOps();
    PrefixRows prefixes = group.prefixes();
    PrefixSelector.Scores scores =
        new PrefixSelector.Scores(workspace.scratch.scores(), workspace.scratch.headScores());
    for (RowRange rows : parts(group.rows())) {
      boolean listed =
          group
              .prefix()
              .select(
                  workspace.pages,
                  new PrefixSelector.Query(
                      prefixOps, layer, q, prefixes, batch, rows, logits.scale(), scores));
      if (listed) {
        prefixOps.attendPrefix(
            workspace.attended,
            workspace.logSumExp,
            q,
            prefixes,
            layer,
            batch,
            rows,
            workspace.pages,
            logits.scale(),
            logits.cap());
      } else {
        prefixOps.attendPrefix(
            workspace.attended,
            workspace.logSumExp,
            q,
            prefixes,
            layer,
            batch,
            rows,
            logits.scale(),
            logits.cap());
      }
    }
  }

  /** As many rows at a time as there are lists for. */
  private static List<RowRange> parts(RowRange rows) {
    List<RowRange> parts = new ArrayList<>();
    for (int from = rows.from(); from < rows.to(); from += Workspace.SELECT_ROWS) {
      parts.add(new RowRange(from, Math.min(rows.to(), from + Workspace.SELECT_ROWS)));
    }
    return parts;
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
