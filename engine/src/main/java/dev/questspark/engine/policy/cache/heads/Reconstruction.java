package dev.questspark.engine.policy.cache.heads;

import dev.questspark.engine.ops.prefix.KeptSlots;
import dev.questspark.engine.ops.prefix.PrefixGeometry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What a model needs of a document to repeat it: each token's score is the most attention that any
 * row gives it which repeats its chunk (KVzip, arXiv 2505.23416, section 3).
 *
 * @param keep share of the tokens of all layers and KV heads together
 * @param sink first tokens that every head keeps
 * @param recent last tokens of the document that every head keeps
 * @param chunk tokens that are repeated at a time
 */
public record Reconstruction(double keep, int sink, int recent, int chunk) {

  /** Most tokens of the request to repeat a chunk. */
  public static final int REQUEST_TOKENS = 64;

  /** Rows that repeat the longest chunk of a prefix, with the request to do so. */
  public int mostRows(int prefixTokens) {
    return Math.min(chunk, prefixTokens) + REQUEST_TOKENS;
  }

  /** Tokens that all heads together keep of a prefix. */
  public long budget(int prefixTokens, int heads) {
    return Math.round(keep * prefixTokens * heads);
  }

  /** Most pages that they take, however the budget falls. */
  public int mostPages(int prefixTokens, int documentTokens, int heads) {
    int always = always(prefixTokens, documentTokens);
    long tokens = Math.max(budget(prefixTokens, heads), (long) always * heads);
    long full = (tokens + PrefixGeometry.SLOTS - 1) / PrefixGeometry.SLOTS;
    long all = (long) heads * PrefixGeometry.pagesFor(prefixTokens);
    return Math.toIntExact(Math.min(all, full + heads));
  }

  private int always(int prefixTokens, int documentTokens) {
    int sinks = Math.min(sink, prefixTokens);
    return sinks + prefixTokens - Math.max(sinks, firstRecent(documentTokens, prefixTokens));
  }

  private int firstRecent(int documentTokens, int prefixTokens) {
    return Math.max(0, Math.min(prefixTokens, documentTokens - recent));
  }

  /**
   * The best tokens by score within one budget over all heads, ties to the first head and the
   * earliest token; what every head keeps counts.
   *
   * @param scores of each layer * kvHeads + kvHead, by token of the prefix
   */
  public KeptSlots choose(float[][] scores, int documentTokens) {
    int heads = scores.length;
    int tokens = scores[0].length;
    int firstRecent = firstRecent(documentTokens, tokens);
    float[] open = new float[Math.multiplyExact(heads, tokens)];
    int count = 0;
    long left = budget(tokens, heads);
    for (float[] ofHead : scores) {
      for (int token = 0; token < tokens; token++) {
        if (token < sink || token >= firstRecent) {
          left--;
        } else {
          open[count++] = ofHead[token];
        }
      }
    }
    int most = (int) Math.max(0, Math.min(left, count));
    float[] sorted = Arrays.copyOf(open, count);
    Arrays.sort(sorted);
    float threshold = most == 0 ? Float.POSITIVE_INFINITY : sorted[count - most];
    int ties = most;
    for (int i = 0; i < count; i++) {
      ties -= open[i] > threshold ? 1 : 0;
    }
    List<int[]> lists = new ArrayList<>();
    for (float[] ofHead : scores) {
      int[] kept = new int[tokens];
      int size = 0;
      for (int token = 0; token < tokens; token++) {
        boolean tie = ofHead[token] == threshold && ties > 0;
        if (token < sink || token >= firstRecent) {
          kept[size++] = token;
        } else if (ofHead[token] > threshold || tie) {
          kept[size++] = token;
          ties -= ofHead[token] == threshold ? 1 : 0;
        }
      }
      lists.add(Arrays.copyOf(kept, size));
    }
    return new KeptSlots(lists, IntStream.range(0, heads).toArray());
  }
}
