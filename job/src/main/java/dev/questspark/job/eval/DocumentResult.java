package dev.questspark.job.eval;

import dev.questspark.job.eval.rows.PrefillRow;
import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.SelectionRow;
import dev.questspark.job.eval.rows.SpeedRow;
import java.util.List;

/**
 * What a cell of {@link DocumentCells} holds: answers, the study of a prefill, or speed and the
 * selection study.
 *
 * @param selection of a question
 * @param prefill of the document's own rows
 */
record DocumentResult(
    String docId,
    List<QualityRow> quality,
    List<SpeedRow> speed,
    List<SelectionRow> selection,
    List<PrefillRow> prefill) {

  DocumentResult {
    // Cells of earlier versions have none.
    prefill = prefill == null ? List.of() : prefill;
  }

  static DocumentResult answers(String docId, List<QualityRow> quality) {
    return new DocumentResult(docId, quality, List.of(), List.of(), List.of());
  }

  static DocumentResult together(String docId, List<SpeedRow> speed, List<SelectionRow> selection) {
    return new DocumentResult(docId, List.of(), speed, selection, List.of());
  }

  static DocumentResult prefill(String docId, List<PrefillRow> prefill) {
    return new DocumentResult(docId, List.of(), List.of(), List.of(), prefill);
  }
}
