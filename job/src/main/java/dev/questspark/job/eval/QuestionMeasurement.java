package dev.questspark.job.eval;

import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.reader.TokenChoice;
import dev.questspark.engine.tokens.GenerationDefaults;
import dev.questspark.job.eval.rows.QualityRow;
import dev.questspark.job.executor.ExecutorEngine;
import dev.questspark.job.options.InferenceOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Asks a document its questions, greedily. All of them share a prefill, but for those of which only
 * a tail reads through the policy: there what stands before the tail is prefilled for each.
 */
final class QuestionMeasurement implements QualityMeasurement {
  private final ExecutorEngine.Lease lease;
  private final EvalSettings settings;
  private final EvalDocument document;
  private final AnswerRows rows;
  private final TokenizedEvalDocument prompt;
  private final SamplingParams greedy;

  QuestionMeasurement(
      ExecutorEngine.Lease lease, EvalSettings settings, EvalDocument document, AnswerRows rows) {
    this.lease = lease;
    this.settings = settings;
    this.document = document;
    this.rows = rows;
    int maxTokens = document.prompt().maxTokens();
    this.prompt =
        TokenizedEvalDocument.of(
            document,
            settings,
            lease.engine(),
            Math.max(settings.protocol().speedTokens(), maxTokens));
    InferenceOptions options = settings.infer().options();
    this.greedy =
        SamplingParams.builder(maxTokens)
            .stop(options.sampling().end().stop())
            .stopTokenIds(endTokenIds(options))
            .build();
  }

  private List<Integer> endTokenIds(InferenceOptions options) {
    var engine = lease.engine();
    GenerationDefaults generation =
        GenerationDefaults.read(options.engine().model().generationConfig(), engine.modelFolder());
    List<Integer> ends =
        new ArrayList<>(generation.stopTokenIds(engine.model().eosTokenIds(), engine.tokenizer()));
    ends.addAll(options.sampling().end().stopTokenIds());
    return ends;
  }

  @Override
  public List<Pass> passes(CachePolicy cache, List<ReadPolicy> policies) {
    int tail = settings.protocol().questionTailCharacters();
    if (prompt.asked().isEmpty()) {
      return List.of();
    }
    if (tail == 0) {
      boolean dense = settings.infer().options().selection().denseQuestion();
      return List.of(pass(prompt, cache, policies, dense));
    }
    List<Pass> passes = new ArrayList<>();
    for (int i = 0; i < prompt.asked().size(); i++) {
      TokenizedEvalDocument cut = prompt.withTail(i, tail, lease.engine().tokenizer());
      passes.add(pass(cut, cache, policies, false));
    }
    return passes;
  }

  private Pass pass(
      TokenizedEvalDocument asked,
      CachePolicy cache,
      List<ReadPolicy> policies,
      boolean denseQuestion) {
    List<QuestionRequest> requests = new ArrayList<>();
    for (int[] question : asked.questions()) {
      policies.forEach(
          policy -> requests.add(new QuestionRequest(question, policy, denseQuestion, greedy)));
    }
    return new Pass(
        asked.document(),
        requests,
        futures -> {
          List<QualityRow> quality = new ArrayList<>();
          for (int i = 0; i < asked.asked().size(); i++) {
            int question = asked.asked().get(i);
            int from = i * policies.size();
            quality.addAll(
                QualityMeasurement.rows(
                    futures.subList(from, from + policies.size()),
                    completions ->
                        rows.answered(
                            question, cache, policies, completions, asked.droppedTokens()),
                    defect -> rows.refused(question, cache, policies, defect)));
          }
          return quality;
        });
  }

  @Override
  public TokenChoice choice() {
    return TokenChoice.behind(prompt.templateTokens()).withClosing(prompt.closing());
  }

  @Override
  public List<QualityRow> refused(CachePolicy cache, List<ReadPolicy> policies) {
    List<QualityRow> refused = new ArrayList<>();
    prompt
        .refused()
        .forEach(
            (question, defect) -> refused.addAll(rows.refused(question, cache, policies, defect)));
    return refused;
  }

  @Override
  public Optional<TokenizedEvalDocument> timed() {
    return prompt.asked().isEmpty() ? Optional.empty() : Optional.of(prompt);
  }

  @Override
  public Optional<WatchedQuestion> watch() {
    return prompt.asked().isEmpty()
        ? Optional.empty()
        : Optional.of(
            new WatchedQuestion(lease, document, prompt, settings.infer().policies(), greedy));
  }
}
