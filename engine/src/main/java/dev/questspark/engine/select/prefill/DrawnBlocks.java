package dev.questspark.engine.select.prefill;

import dev.questspark.engine.ops.prefill.BlockList;
import dev.questspark.engine.ops.prefill.Segments;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * The first block and others at random, drawn for each layer, KV head and segment by itself, so
 * that batch mates and preemption change nothing.
 */
public final class DrawnBlocks implements PrefillSelector {
  private final int budgetTokens;
  private final long seed;

  /**
   * @param budgetTokens read before a segment, by whole blocks; at least one block
   */
  public DrawnBlocks(int budgetTokens, long seed) {
    this.budgetTokens = budgetTokens;
    this.seed = seed;
  }

  @Override
  public void select(BlockList list, Query query) {
    Segments segments = list.segments();
    int budget = budgetTokens / segments.shape().block();
    for (int segment = 0; segment < segments.count(); segment++) {
      for (int kvHead = 0; kvHead < query.kvHeads(); kvHead++) {
        SplittableRandom random = new SplittableRandom(seed);
        for (int number : new int[] {query.layer(), kvHead, segments.starts()[segment]}) {
          random = new SplittableRandom(random.nextLong() + number);
        }
        list.set(segment, kvHead, draw(segments.blocksBefore(segment), budget, random));
      }
    }
  }

  /** Of so many blocks the first and others, ascending (a shuffle that ends when enough are). */
  private static int[] draw(int before, int budget, SplittableRandom random) {
    int[] blocks = BlockRanges.all(before);
    if (budget >= before) {
      return blocks;
    }
    for (int i = 1; i < budget; i++) {
      int other = random.nextInt(i, before);
      int drawn = blocks[other];
      blocks[other] = blocks[i];
      blocks[i] = drawn;
    }
    int[] chosen = Arrays.copyOf(blocks, budget);
    Arrays.sort(chosen);
    return chosen;
  }
}
