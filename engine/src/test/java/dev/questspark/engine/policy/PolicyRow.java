package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.select.SelectionUnit;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * What {@link ReadPolicyContract} knows of a registered policy besides its code: one row each.
 *
 * @param ofBudget the policy with a budget in tokens; one without a budget takes no notice
 * @param unit what it reads as a whole
 * @param denseLayers first layers that it leaves dense
 * @param denseBelow contexts shorter than this it leaves dense
 * @param sinkTokens first tokens always kept, by units
 * @param recentTokens last tokens always kept, by units
 * @param scores how the oracle scores blocks; null where the most recent units are kept
 * @param impostor another policy of the tight budget, which the oracle must tell from this one
 */
record PolicyRow(
    IntFunction<ReadPolicy> ofBudget,
    SelectionUnit unit,
    int denseLayers,
    int denseBelow,
    int sinkTokens,
    int recentTokens,
    BlockScorer scores,
    ReadPolicy impostor) {

  /** A budget of four pages, and one that no context of the contract fills. */
  static final int TIGHT = 64;

  static final int WHOLE = 256;

  /** Contexts of the contract begin below and end above this. */
  static final int MIDDLE_CONTEXT = 160;

  /** Scores of blocks for the query heads of one KV head, in double precision. */
  interface BlockScorer {
    /**
     * @param queries (G, D)
     * @param blocks keys (tokens, D) of each block
     */
    double[] scores(double[][] queries, double[][][] blocks);
  }

  private static final ReadPolicy QUEST = quest(TIGHT);
  private static final ReadPolicy NO_SINK =
      ReadPolicy.parse("quest(budget=" + TIGHT + ", score=minmax, sink=0)");
  private static final ReadPolicy MEANSTD =
      ReadPolicy.parse(
          "quest(budget=" + TIGHT + ", score=meanstd, reduction=sum, sink=16, recent=16)");

  /** At least one row for each registered policy. */
  static final Map<String, List<PolicyRow>> ROWS =
      Map.of(
          "dense",
          List.of(
              new PolicyRow(
                  budget -> new Dense(),
                  SelectionUnit.PAGE,
                  Integer.MAX_VALUE,
                  0,
                  0,
                  0,
                  null,
                  new SinkRecent(64, 0))),
          "quest",
          List.of(
              ofQuest("score=minmax, sink=16, recent=16", 16, PageOracle::minMax, MEANSTD),
              ofQuest("score=meanstd, reduction=sum, sink=0", 0, PageOracle::meanStd, NO_SINK),
              ofQuest("score=meanstd, reduction=softmax, sink=0", 0, PageOracle::softmax, NO_SINK),
              ofQuest(
                  "score=meanstd, reduction=sum, sink=0, unit=page",
                  0,
                  PageOracle::meanStd,
                  NO_SINK)),
          "sink_recent",
          List.of(
              new PolicyRow(
                  budget -> new SinkRecent(budget, 16),
                  SelectionUnit.PAGE,
                  0,
                  0,
                  16,
                  0,
                  null,
                  QUEST)),
          "skip_layers",
          List.of(
              new PolicyRow(
                  budget -> new SkipLayers(1, quest(budget)),
                  SelectionUnit.BLOCK,
                  1,
                  0,
                  16,
                  16,
                  PageOracle::minMax,
                  QUEST)),
          "min_context",
          List.of(
              new PolicyRow(
                  budget -> new MinContext(MIDDLE_CONTEXT, quest(budget)),
                  SelectionUnit.BLOCK,
                  0,
                  MIDDLE_CONTEXT,
                  16,
                  16,
                  PageOracle::minMax,
                  QUEST)));

  private static ReadPolicy quest(int budget) {
    return ReadPolicy.parse("quest(budget=" + budget + ", score=minmax, sink=16, recent=16)");
  }

  /** A row of quest with the same number of sink and recent tokens. */
  private static PolicyRow ofQuest(
      String parameters, int kept, BlockScorer scores, ReadPolicy impostor) {
    IntFunction<ReadPolicy> ofBudget =
        budget -> ReadPolicy.parse("quest(budget=" + budget + ", " + parameters + ")");
    SelectionUnit unit = ((Quest) ofBudget.apply(TIGHT)).unit();
    return new PolicyRow(ofBudget, unit, 0, 0, kept, kept, scores, impostor);
  }

  ReadPolicy tight() {
    return ofBudget.apply(TIGHT);
  }

  /** Whether a row reads everything under the tight budget. */
  boolean readsAll(int layer, int context, PageShape shape) {
    int tokens = unit.tokens(shape);
    return layer < denseLayers
        || context < denseBelow
        || PageOracle.units(context, tokens) <= TIGHT / tokens;
  }

  /** KV tokens that one row, layer and KV head attends to under the tight budget. */
  long tokensAttended(int layer, int context, PageShape shape) {
    int tokens = unit.tokens(shape);
    int inCurrentUnit = context - tokens * (PageOracle.units(context, tokens) - 1);
    return readsAll(layer, context, shape) ? context : TIGHT - tokens + inCurrentUnit;
  }

  /** Blocks whose digest one row, layer and KV head reads: those before the current unit. */
  long digestsScored(int layer, int context, PageShape shape) {
    int tokens = unit.tokens(shape);
    return scores == null || readsAll(layer, context, shape)
        ? 0
        : (PageOracle.units(context, tokens) - 1L) * tokens / shape.digestBlockSize();
  }

  @Override
  public String toString() {
    return tight().text();
  }
}
