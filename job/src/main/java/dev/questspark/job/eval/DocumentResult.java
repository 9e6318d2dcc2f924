package dev.questspark.job.eval;

import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.SelectionRow;
import dev.questspark.job.eval.rows.SpeedRow;
import java.util.List;

/** Everything measured on one document: the unit that a resumed run finds or does not find. */
record DocumentResult(
    String docId, List<QualityRow> quality, List<SpeedRow> speed, List<SelectionRow> selection) {}
