package dev.questspark.engine.select;

import dev.questspark.engine.ops.PageBudget;
import dev.questspark.engine.ops.PageList;
import java.util.Arrays;

/**
 * Lists the units that the host scores best, with the same rules for what is always kept as {@link
 * ScoredPages}. What the host reads for its scores is not counted.
 */
public final class HostScoredPages implements PageSelector {
  private final HostScore score;
  private final PageBudget budget;

  public HostScoredPages(HostScore score, PageBudget budget) {
    this.score = score;
    this.budget = budget;
  }

  @Override
  public void select(PageList list, Query query) {
    AttentionView view = new AttentionView(query, list);
    int kvHeads = view.geometry().kvHeads();
    for (int row = 0; row < view.rows(); row++) {
      if (!budget.readsAllFrom(view.firstVisible(row), view.position(row))) {
        for (int kvHead = 0; kvHead < kvHeads; kvHead++) {
          float[] scores = score.score(view, row, kvHead, budget.unit());
          query
              .backend()
              .write(
                  query.scratch().scores(),
                  row * kvHeads + kvHead,
                  Arrays.copyOf(scores, query.scratch().scores().cols()));
        }
      }
    }
    query
        .ops()
        .topPages(
            list,
            query.scratch().scores(),
            budget.unit(),
            query.kv(),
            query.batch(),
            query.rows(),
            budget);
  }

  @Override
  public PageSelector wholeBelow(int contextTokens) {
    return new HostScoredPages(score, budget.wholeBelow(contextTokens));
  }
}
