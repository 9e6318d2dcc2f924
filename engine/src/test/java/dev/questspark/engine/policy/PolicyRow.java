package dev.questspark.engine.policy;

import dev.questspark.engine.ops.PageShape;
import dev.questspark.engine.select.SelectionScratch;
import dev.questspark.engine.select.SelectionUnit;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * What {@link ReadPolicyContract} knows of a registered policy besides its code: one row each.
 *
 * @param ofBudget the policy with a budget in tokens; one without a budget takes no notice
 * @param unit what it reads as a whole; null for single tokens
 * @param denseLayers first layers that it leaves dense
 * @param denseBelow contexts shorter than this it leaves dense
 * @param sinkTokens first tokens always kept, by units
 * @param recentTokens last tokens always kept, by units
 * @param scores how the oracle scores digest blocks, or units of a policy that reads no digests;
 *     null where the most recent units are kept
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

  /**
   * One KV head of one row, as it attends.
   *
   * @param queries (G, D)
   * @param keys (context, D)
   * @param scale of q.k before the softmax
   */
  record Head(int layer, int kvHead, double[][] queries, double[][] keys, double scale) {}

  /** Scores of blocks for the query heads of one KV head, in double precision. */
  interface BlockScorer {
    /**
     * @param blocks keys (tokens, D) of each block, from the first token on
     */
    double[] scores(Head head, double[][][] blocks);
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
          "twilight",
          List.of(
              new PolicyRow(
                  budget ->
                      ReadPolicy.parse("twilight(p=1, budget=" + budget + ", sink=16, recent=16)"),
                  SelectionUnit.BLOCK,
                  0,
                  0,
                  16,
                  16,
                  PageOracle::meanStdMax,
                  QUEST)),
          "random",
          List.of(
              new PolicyRow(
                  budget -> ReadPolicy.parse("random(budget=" + budget + ", seed=5, sink=16)"),
                  SelectionUnit.BLOCK,
                  0,
                  0,
                  16,
                  0,
                  (head, blocks) -> PageOracle.random(head, blocks.length, 5),
                  ReadPolicy.parse("random(budget=" + TIGHT + ", seed=6, sink=16)"))),
          "true_mass",
          List.of(ofTrueMass(SelectionUnit.BLOCK), ofTrueMass(SelectionUnit.PAGE)),
          "true_tokens",
          List.of(
              new PolicyRow(
                  budget -> ReadPolicy.parse("true_tokens(budget=" + budget + ", recent=9)"),
                  null,
                  0,
                  0,
                  4,
                  9,
                  PageOracle::trueMass,
                  ReadPolicy.parse("true_tokens(budget=" + TIGHT + ", sink=5, recent=8)"))),
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

  private static PolicyRow ofTrueMass(SelectionUnit unit) {
    return new PolicyRow(
        budget ->
            ReadPolicy.parse(
                "true_mass(budget=" + budget + ", sink=16, recent=16, unit=" + word(unit) + ")"),
        unit,
        0,
        0,
        16,
        16,
        PageOracle::trueMass,
        QUEST);
  }

  private static String word(SelectionUnit unit) {
    return unit.name().toLowerCase(Locale.ROOT);
  }

  /** A row of quest with the same number of sink and recent tokens. */
  private static PolicyRow ofQuest(
      String parameters, int kept, BlockScorer scores, ReadPolicy impostor) {
    IntFunction<ReadPolicy> ofBudget =
        budget -> ReadPolicy.parse("quest(budget=" + budget + ", " + parameters + ")");
    SelectionUnit unit = ((Quest) ofBudget.apply(TIGHT)).unit();
    return new PolicyRow(ofBudget, unit, 0, 0, kept, kept, scores, impostor);
  }

  /** Controls, and what has no kernels. */
  boolean onTheCpuAlone() {
    return tight().control() || tight().scratch().contains(SelectionScratch.INT4_KEYS);
  }

  /** Tokens of a unit. */
  int unitTokens(PageShape shape) {
    return unit == null ? 1 : unit.tokens(shape);
  }

  ReadPolicy tight() {
    return ofBudget.apply(TIGHT);
  }

  /** Whether a row reads everything under the tight budget. */
  boolean readsAll(int layer, int context, PageShape shape) {
    int tokens = unitTokens(shape);
    return layer < denseLayers
        || context < denseBelow
        || PageOracle.units(context, tokens) <= TIGHT / tokens;
  }

  /** KV tokens that one row, layer and KV head attends to under the tight budget. */
  long tokensAttended(int layer, int context, PageShape shape) {
    int tokens = unitTokens(shape);
    int inCurrentUnit = context - tokens * (PageOracle.units(context, tokens) - 1);
    return readsAll(layer, context, shape) ? context : TIGHT - tokens + inCurrentUnit;
  }

  /** Blocks whose digest one row, layer and KV head reads: those before the current unit. */
  long digestsScored(int layer, int context, PageShape shape) {
    int tokens = unitTokens(shape);
    return tight().digests().isEmpty() || readsAll(layer, context, shape)
        ? 0
        : (PageOracle.units(context, tokens) - 1L) * tokens / shape.digestBlockSize();
  }

  @Override
  public String toString() {
    return tight().text();
  }
}
