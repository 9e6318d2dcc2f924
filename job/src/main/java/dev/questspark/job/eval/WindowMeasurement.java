package dev.questspark.job.eval;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.LogitsListener;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.failure.DocumentException;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.study.ReferenceWindow;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.eval.rows.QualityRow.Divergence;
import dev.questspark.job.eval.rows.SpeedRow;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Measures every policy on one window of a text: speed batches first, then the window's tokens, fed
 * one by one under each policy after a prefix that is prefilled once.
 *
 * <pre>
 * prefix (prefilled) | first token of the window | ... | last | the token that the last predicts
 *                      each is fed under the policy, its logits held against dense attention's
 * </pre>
 */
final class WindowMeasurement {
  private final Engine engine;
  private final EvalSettings settings;
  private final List<ReadPolicy> policies;
  private final AnswerRows rows;

  WindowMeasurement(Engine engine, EvalSettings settings, AnswerRows rows) {
    this.engine = engine;
    this.settings = settings;
    this.policies = settings.infer().policies();
    this.rows = rows;
  }

  DocumentResult measure(EvalDocument document) {
    int prefixTokens = document.aim().lengthTokens();
    int windowTokens = document.prompt().maxTokens();
    int[] text = TokenizedEvalDocument.text(document, settings.infer().options().prompt(), engine);
    int end = prefixTokens + windowTokens + 1;
    if (text.length < end) {
      throw new IllegalStateException(
          document.docId() + " was cut to " + text.length + " tokens, but needs " + end);
    }
    int[] prefix = Arrays.copyOf(text, prefixTokens);
    int[] first = {text[prefixTokens]};
    SpeedBlocks blocks =
        new SpeedBlocks(
            policies,
            settings.infer().cachePolicy(),
            settings.protocol().repetitions(),
            settings.infer().options().engine().batching().maxNumSeqs(),
            settings.protocol().speedTokens());
    List<QuestionRequest> requests = new ArrayList<>(blocks.requests(List.of(first), false));
    int speedRows = requests.size();
    ReferenceWindow dense = new ReferenceWindow(windowTokens);
    List<ReferenceWindow.Divergence> divergences =
        policies.stream().map(policy -> dense.compared()).toList();
    int[] rest = Arrays.copyOfRange(text, prefixTokens + 1, end);
    for (int i = 0; i < policies.size(); i++) {
      LogitsListener listener = listener(policies.get(i), dense, divergences.get(i));
      requests.add(QuestionRequest.scoring(first, policies.get(i), rest, listener));
    }
    long prefillBefore = engine.report().work().prefillNanos();
    List<CompletableFuture<Completion>> futures =
        engine.submit(
            new DocumentRequest(
                document.docId(), prefix, settings.infer().cachePolicy(), requests));
    List<SpeedRow> speed = List.of();
    if (speedRows > 0) {
      var timed = DocumentMeasurement.timed(futures.subList(0, speedRows));
      long prefill = engine.report().work().prefillNanos() - prefillBefore;
      TokenizedEvalDocument prompt =
          new TokenizedEvalDocument(prefix, List.of(0), List.of(first), Map.of(), 0);
      speed = timed.map(it -> blocks.rows(document.docId(), prompt, it, prefill)).orElse(List.of());
    }
    return new DocumentResult(
        document.docId(),
        quality(futures.subList(speedRows, futures.size()), divergences),
        speed,
        List.of());
  }

  /** Dense attention is what all are held against, itself too. */
  private static LogitsListener listener(
      ReadPolicy policy, ReferenceWindow dense, ReferenceWindow.Divergence divergence) {
    if (!policy.dense()) {
      return divergence;
    }
    return (row, logits, normaliser) -> {
      dense.row(row, logits, normaliser);
      divergence.row(row, logits, normaliser);
    };
  }

  private List<QualityRow> quality(
      List<CompletableFuture<Completion>> futures, List<ReferenceWindow.Divergence> divergences) {
    try {
      List<Completion> completions = DocumentMeasurement.join(futures);
      return rows.compared(
          completions,
          divergences.stream().map(it -> new Divergence(it.kl(), it.sameArgmax())).toList());
    } catch (CompletionException failure) {
      if (failure.getCause() instanceof DocumentException refused) {
        return rows.refused(0, new Defect(refused.code(), refused.getMessage()));
      }
      throw failure;
    }
  }
}
