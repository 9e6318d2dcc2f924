package dev.questspark.engine.ops.cpu.pages;

import dev.questspark.engine.ops.OpArguments;
import dev.questspark.engine.ops.Tensor;
import dev.questspark.engine.ops.cpu.memory.HeapBuffer;
import dev.questspark.engine.ops.cpu.memory.Workers;
import dev.questspark.engine.ops.prefill.BlockBudget;
import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.Segments;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * keepBlocks, and topBlocks: one task per (segment, KV head), which sorts the scores of its blocks.
 */
public final class CpuBlockSelection {
  private final Workers workers;

  public CpuBlockSelection(Workers workers) {
    this.workers = workers;
  }

  /** See {@link dev.questspark.engine.ops.TensorOps#keepBlocks}. */
  public void keepBlocks(BlockList blocks, int first, int last) {
    Segments segments = blocks.segments();
    int kvHeads = CpuBlockList.of(blocks).kvHeads();
    for (int segment = 0; segment < segments.count(); segment++) {
      int before = segments.blocksBefore(segment);
      int[] kept =
          first >= before || last >= before - first
              ? IntStream.range(0, before).toArray()
              : IntStream.concat(IntStream.range(0, first), IntStream.range(before - last, before))
                  .toArray();
      for (int kvHead = 0; kvHead < kvHeads; kvHead++) {
        blocks.set(segment, kvHead, kept);
      }
    }
  }

  /** See {@link dev.questspark.engine.ops.TensorOps#topBlocks}. */
  public void topBlocks(BlockList blocks, Tensor scores, BlockBudget budget, int fewestRows) {
    Segments segments = blocks.segments();
    int kvHeads = CpuBlockList.of(blocks).kvHeads();
    OpArguments.require("scores", scores, segments.count() * kvHeads, scores.cols());
    float[] all = HeapBuffer.floats(scores);
    workers.run(
        segments.count() * kvHeads,
        20L * scores.cols(),
        (task, worker) -> {
          int segment = task / kvHeads;
          int before = segments.blocksBefore(segment);
          blocks.set(
              segment,
              task % kvHeads,
              budget.readsAll(segments, segment, fewestRows)
                  ? IntStream.range(0, before).toArray()
                  : best(all, HeapBuffer.at(scores, task), before, budget));
        });
  }

  private static int[] best(float[] scores, int at, int before, BlockBudget budget) {
    long[] order = new long[before];
    long reached = BlockBudget.WHOLE; // by the segment's own keys
    for (int block = 0; block < before; block++) {
      reached -= BlockBudget.parts(scores[at + block]);
      // Scores are no less than 0, so that their bits compare as they do; the best come first.
      int rank = block == 0 ? -1 : Integer.MAX_VALUE - Float.floatToIntBits(scores[at + block]);
      order[block] = (long) rank << 32 | block;
    }
    Arrays.sort(order);
    int[] chosen = new int[Math.min(before, budget.blocks())];
    int count = 0;
    while (count < chosen.length && (count == 0 || reached < budget.enough())) {
      chosen[count] = (int) order[count];
      reached += BlockBudget.parts(scores[at + chosen[count++]]);
    }
    int[] blocks = Arrays.copyOf(chosen, count);
    Arrays.sort(blocks);
    return blocks;
  }
}
