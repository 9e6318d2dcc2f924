package dev.questspark.job.eval;

import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.PrefillPart;
import dev.questspark.engine.reader.TokenChoice;
import dev.questspark.engine.study.PrefillStudy;
import dev.questspark.job.eval.rows.PrefillRow;
import dev.questspark.job.executor.ExecutorEngine;
import java.util.List;

/** Prefills a document once more, to see what the block lists of a cache policy keep. */
final class WatchedPrefill {
  /** Rows looked at, about: each takes a product with every key before it in double. */
  private static final int ROWS = 64;

  private static final int MOST_PER_SEGMENT = 8;

  private WatchedPrefill() {}

  /** What was seen; nothing of a document that the engine refuses: its quality rows say why. */
  static List<PrefillRow> rows(
      ExecutorEngine.Lease lease,
      EvalDocument document,
      TokenizedEvalDocument prompt,
      TokenChoice choice,
      CachePolicy cache) {
    int segments = segments(prompt.document().length, cache.prefill().orElseThrow());
    PrefillStudy study = new PrefillStudy(Math.max(1, Math.min(ROWS / segments, MOST_PER_SEGMENT)));
    DocumentRequest request =
        new DocumentRequest(
            document.docId(),
            prompt.document(),
            cache,
            List.of(
                new QuestionRequest(
                    prompt.questions().get(0), new Dense(), true, SamplingParams.endless(1))),
            choice.withUnasked(prompt.questions()));
    lease.watched().add(request, study);
    if (QualityMeasurement.defect(lease.engine().submit(request)).isPresent()) {
      return List.of();
    }
    PrefillRow.Document watched =
        new PrefillRow.Document(
            document.suite(),
            document.docId(),
            document.aim().lengthTokens(),
            prompt.document().length);
    return study.findings().stream()
        .map(
            found ->
                new PrefillRow(
                    watched,
                    cache.text(),
                    new PrefillRow.Kept(
                        found.layer(),
                        found.kvHead(),
                        found.rows(),
                        found.listedShare(),
                        found.attentionMass(),
                        found.bestMass())))
        .toList();
  }

  private static int segments(int tokens, PrefillPart part) {
    return Math.max(1, (tokens + part.segment() - 1) / part.segment());
  }
}
