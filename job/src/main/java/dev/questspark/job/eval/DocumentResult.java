package dev.questspark.job.eval;

import java.util.List;

/** Everything measured on one document: the unit that a resumed run finds or does not find. */
record DocumentResult(
    String docId, List<QualityRow> quality, List<SpeedRow> speed, List<SelectionRow> selection) {}
