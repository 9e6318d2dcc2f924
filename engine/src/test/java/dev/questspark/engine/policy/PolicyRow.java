package dev.questspark.engine.policy;

import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;

/**
 * What {@link ReadPolicyContract} knows of a registered policy besides its code: one row each.
 *
 * @param ofBudget the policy with a budget in tokens; one without a budget takes no notice
 * @param denseLayers first layers that it leaves dense
 * @param denseBelow contexts shorter than this it leaves dense
 * @param sinkTokens first tokens always kept, by pages
 * @param recentTokens last tokens always kept, by pages
 * @param score how the oracle scores a page; null where the most recent pages are kept
 * @param impostor another policy of the tight budget, which the oracle must tell from this one
 */
record PolicyRow(
    IntFunction<ReadPolicy> ofBudget,
    int denseLayers,
    int denseBelow,
    int sinkTokens,
    int recentTokens,
    PageScorer score,
    ReadPolicy impostor) {

  /** A budget of four pages, and one that no context of the contract fills. */
  static final int TIGHT = 64;

  static final int WHOLE = 256;

  /** Contexts of the contract begin below and end above this. */
  static final int MIDDLE_CONTEXT = 160;

  /** A page's score for the query heads of one KV head, in double precision. */
  interface PageScorer {
    /**
     * @param queries (G, D)
     * @param keys (S, D) of one page
     */
    double score(double[][] queries, double[][] keys);
  }

  private static final ReadPolicy QUEST = quest(TIGHT);
  private static final ReadPolicy MEANSTD =
      ReadPolicy.parse(
          "quest(budget=" + TIGHT + ", score=meanstd, reduction=sum, sink=16, recent=16)");

  /** At least one row for each registered policy. */
  static final Map<String, List<PolicyRow>> ROWS =
      Map.of(
          "dense",
          List.of(
              new PolicyRow(
                  budget -> new Dense(), Integer.MAX_VALUE, 0, 0, 0, null, new SinkRecent(64, 0))),
          "quest",
          List.of(
              new PolicyRow(PolicyRow::quest, 0, 0, 16, 16, PageOracle::minMax, MEANSTD),
              new PolicyRow(
                  budget ->
                      ReadPolicy.parse(
                          "quest(budget=" + budget + ", score=meanstd, reduction=sum, sink=0)"),
                  0,
                  0,
                  0,
                  0,
                  PageOracle::meanStd,
                  ReadPolicy.parse("quest(budget=" + TIGHT + ", sink=0)"))),
          "sink_recent",
          List.of(new PolicyRow(budget -> new SinkRecent(budget, 16), 0, 0, 16, 0, null, QUEST)),
          "skip_layers",
          List.of(
              new PolicyRow(
                  budget -> new SkipLayers(1, quest(budget)),
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
                  0,
                  MIDDLE_CONTEXT,
                  16,
                  16,
                  PageOracle::minMax,
                  QUEST)));

  private static ReadPolicy quest(int budget) {
    return ReadPolicy.parse("quest(budget=" + budget + ", sink=16, recent=16)");
  }

  ReadPolicy tight() {
    return ofBudget.apply(TIGHT);
  }

  /** Whether a row reads everything under the tight budget. */
  boolean readsAll(int layer, int context) {
    return layer < denseLayers || context < denseBelow || PageOracle.pages(context) <= TIGHT / 16;
  }

  /** KV tokens that one row, layer and KV head attends to under the tight budget. */
  long tokensAttended(int layer, int context) {
    int inCurrentPage = context - 16 * (PageOracle.pages(context) - 1);
    return readsAll(layer, context) ? context : TIGHT - 16 + inCurrentPage;
  }

  /** Pages whose digest one row, layer and KV head reads: those before the current one. */
  long pagesScored(int layer, int context) {
    return score == null || readsAll(layer, context) ? 0 : PageOracle.pages(context) - 1;
  }

  @Override
  public String toString() {
    return tight().text();
  }
}
