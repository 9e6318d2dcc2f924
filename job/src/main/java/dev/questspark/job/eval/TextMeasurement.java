package dev.questspark.job.eval;

import dev.questspark.engine.Engine;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.options.PromptOptions;
import java.util.Arrays;
import java.util.List;

/**
 * Feeds a text token by token through each policy; nothing of it is prefilled. A text longer than
 * the length asked for ends there, which drops nothing that was to be scored.
 */
final class TextMeasurement implements QualityMeasurement {
  private final AnswerRows rows;
  private final int[] text;

  TextMeasurement(Engine engine, PromptOptions options, EvalDocument document, AnswerRows rows) {
    this.rows = rows;
    int[] tokens = TokenizedEvalDocument.text(document, options, engine);
    this.text = Arrays.copyOf(tokens, Math.min(tokens.length, document.aim().lengthTokens()));
  }

  @Override
  public List<Pass> passes(CachePolicy cache, List<ReadPolicy> policies) {
    int[] first = {text[0]};
    int[] rest = Arrays.copyOfRange(text, 1, text.length);
    List<QuestionRequest> requests =
        policies.stream().map(policy -> QuestionRequest.scoring(first, policy, rest)).toList();
    return List.of(
        new Pass(
            new int[0],
            requests,
            futures ->
                QualityMeasurement.rows(
                    futures,
                    completions -> rows.answered(0, cache, policies, completions, 0),
                    defect -> rows.refused(0, cache, policies, defect))));
  }
}
