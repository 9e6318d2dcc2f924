package dev.questspark.job.eval;

import dev.questspark.engine.Engine;
import dev.questspark.engine.LogitsListener;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.reader.TokenChoice;
import dev.questspark.engine.study.ReferenceWindow;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.eval.rows.QualityRow;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Feeds a window of a text token by token under each policy, after a prefix that is prefilled under
 * the cache policy. The reference's distributions are kept and all others held against them.
 *
 * <pre>
 * prefix (prefilled) | first token of the window | ... | last | the token that the last predicts
 *                      each is fed under the policy, its logits held against the reference's
 * </pre>
 */
final class WindowMeasurement implements QualityMeasurement {
  private final AnswerRows rows;

  /** Tokens before the window that ask: the window itself must not. */
  private static final int ASKING_TOKENS = 32;

  private final int[] prefix;
  private final int[] first;
  private final int[] rest;
  private final ReferenceWindow reference;

  /** Why there is no reference; null while there may be one. */
  private Defect unheld;

  WindowMeasurement(Engine engine, EvalSettings settings, EvalDocument document, AnswerRows rows) {
    this.rows = rows;
    int prefixTokens = document.aim().lengthTokens();
    int windowTokens = document.prompt().maxTokens();
    int[] text = TokenizedEvalDocument.text(document, settings.infer().options().prompt(), engine);
    int end = prefixTokens + windowTokens + 1;
    if (text.length < end) {
      throw new IllegalStateException(
          document.docId() + " was cut to " + text.length + " tokens, but needs " + end);
    }
    this.prefix = Arrays.copyOf(text, prefixTokens);
    this.first = new int[] {text[prefixTokens]};
    this.rest = Arrays.copyOfRange(text, prefixTokens + 1, end);
    this.reference = new ReferenceWindow(windowTokens);
  }

  @Override
  public List<QualityRow> refused(CachePolicy cache, List<ReadPolicy> policies) {
    return unheld == null ? List.of() : rows.refused(0, cache, policies, unheld);
  }

  @Override
  public List<Pass> passes(CachePolicy cache, List<ReadPolicy> policies) {
    if (unheld != null) {
      return List.of();
    }
    List<ReferenceWindow.Divergence> divergences =
        policies.stream().map(policy -> reference.compared()).toList();
    List<QuestionRequest> requests = new ArrayList<>();
    for (int i = 0; i < policies.size(); i++) {
      ReadPolicy policy = policies.get(i);
      LogitsListener listener =
          listener(new PolicyPair(cache, policy).reference(), divergences.get(i));
      requests.add(QuestionRequest.scoring(first, policy, rest, listener));
    }
    return List.of(
        new Pass(
            prefix,
            requests,
            futures ->
                QualityMeasurement.rows(
                    futures,
                    completions -> rows.compared(cache, policies, completions, divergences),
                    defect -> {
                      if (cache.equals(CachePolicy.NONE)) {
                        unheld = defect;
                      }
                      return rows.refused(0, cache, policies, defect);
                    })));
  }

  /** The reference is what all are held against, itself too. */
  private LogitsListener listener(boolean isReference, ReferenceWindow.Divergence divergence) {
    if (!isReference) {
      return divergence;
    }
    return (row, logits, normaliser) -> {
      reference.row(row, logits, normaliser);
      divergence.row(row, logits, normaliser);
    };
  }

  @Override
  public TokenChoice choice() {
    return TokenChoice.PLAIN.withAskingTail(ASKING_TOKENS);
  }

  @Override
  public Optional<TokenizedEvalDocument> timed() {
    return Optional.of(
        new TokenizedEvalDocument(prefix, List.of(0), List.of(first), Map.of(), 0, 0, new int[0]));
  }
}
