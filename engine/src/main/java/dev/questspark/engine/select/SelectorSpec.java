package dev.questspark.engine.select;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.ops.GroupReduction;
import dev.questspark.engine.ops.PageScore;
import java.io.Serializable;

/**
 * Which pages a row may read: the selector's name and its budget, as a value that compares by
 * content, so that rows of the same policy can share a batch group and a run can hold several
 * policies.
 *
 * @param selector {@code all}, {@code quest} or {@code sink_recent}
 * @param kvBudget tokens per KV head and layer, the current page and all kept parts included;
 *     {@link #FULL} for no limit
 * @param pageScore digest pair and score of {@code quest}
 * @param groupReduction how the query heads of a KV head agree on one list
 * @param sinkTokens {@code kv_sink_tokens}: first tokens always kept
 * @param recentTokens {@code kv_recent_tokens}: last tokens always kept
 * @param skipLayers {@code sparse_skip_layers}: first layers that stay dense, by their real index
 * @param minContext {@code sparse_min_context}: contexts shorter than this many tokens stay dense
 */
public record SelectorSpec(
    String selector,
    int kvBudget,
    PageScore pageScore,
    GroupReduction groupReduction,
    int sinkTokens,
    int recentTokens,
    int skipLayers,
    int minContext)
    implements Serializable {

  /** The budget that means no limit; also how it is stored in Parquet. */
  public static final int FULL = -1;

  public SelectorSpec {
    if (kvBudget != FULL && kvBudget < 1) {
      throw new ConfigException("kv_budget is " + kvBudget + "; give a number of tokens, or full");
    }
    if (sinkTokens < 0 || recentTokens < 0 || skipLayers < 0 || minContext < 0) {
      throw new ConfigException(
          "kv_sink_tokens "
              + sinkTokens
              + ", kv_recent_tokens "
              + recentTokens
              + ", sparse_skip_layers "
              + skipLayers
              + ", sparse_min_context "
              + minContext
              + ": none may be negative");
    }
  }

  /** Dense attention: every page. */
  public static SelectorSpec all() {
    return new SelectorSpec("all", FULL, PageScore.MINMAX, GroupReduction.MAX, 0, 0, 0, 0);
  }

  /**
   * Dense attention under a {@link SelectionStudy}: a name of its own, so that the study's time is
   * nobody else's. Only the engine gives it to a row.
   */
  public static SelectorSpec studied() {
    return new SelectorSpec("studied", FULL, PageScore.MINMAX, GroupReduction.MAX, 0, 0, 0, 0);
  }

  /** Whether every page is read whatever the context. */
  public boolean dense() {
    return selector.equals("all");
  }
}
