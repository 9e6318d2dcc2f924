package dev.questspark.job.eval;

import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.SelectionRow;
import dev.questspark.job.eval.rows.SpeedRow;
import java.util.List;

/** What a cell of {@link DocumentCells} holds: answers, or speed and the selection study. */
record DocumentResult(
    String docId, List<QualityRow> quality, List<SpeedRow> speed, List<SelectionRow> selection) {

  static DocumentResult answers(String docId, List<QualityRow> quality) {
    return new DocumentResult(docId, quality, List.of(), List.of());
  }

  static DocumentResult together(String docId, List<SpeedRow> speed, List<SelectionRow> selection) {
    return new DocumentResult(docId, List.of(), speed, selection);
  }
}
