package dev.questspark.job.eval;

import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.options.Choices.OnTooLong;
import dev.questspark.job.options.MeasureOptions;
import java.io.Serializable;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What every task of a measurement needs to know.
 *
 * @param infer options, policies, model, output
 * @param onTooLong what happens to a document that does not fit, see {@link
 *     dev.questspark.job.eval.suite.Suites#onTooLong}
 * @param protocol how a document is measured
 * @param studied ids of the documents whose attention is watched
 * @param cellsFolder where finished documents go
 */
public record EvalSettings(
    InferSettings infer,
    OnTooLong onTooLong,
    Protocol protocol,
    Set<String> studied,
    String cellsFolder)
    implements Serializable {

  /**
   * How a document is measured.
   *
   * @param repetitions speed measurements per policy and document; 0 measures answers alone
   * @param speedTokens tokens per row of a speed measurement
   * @param questionTailCharacters of the prompt that read through the policy; 0 for the question
   */
  public record Protocol(int repetitions, int speedTokens, int questionTailCharacters)
      implements Serializable {
    public static Protocol of(MeasureOptions options) {
      return new Protocol(
          options.repetitions(), options.speedTokens(), options.questionTailCharacters());
    }
  }

  /** Ids of {@code count} documents, evenly spread, so that lengths and depths are all met. */
  public static Set<String> spread(List<EvalDocument> suite, int count) {
    int wanted = Math.min(count, suite.size());
    Set<String> spread = new HashSet<>();
    for (int i = 0; i < wanted; i++) {
      spread.add(suite.get((int) ((2L * i + 1) * suite.size() / (2L * wanted))).docId());
    }
    return spread;
  }

  /** Every pair that is measured: under each cache policy all policies, the reference first. */
  List<PolicyPair> pairs() {
    return infer.cachePolicies().stream()
        .flatMap(cache -> infer.policies().stream().map(read -> new PolicyPair(cache, read)))
        .toList();
  }

  /** Whether a question's attention is watched, for policies that leave some of it out. */
  boolean watchesQuestion(EvalDocument document) {
    return studied.contains(document.docId())
        && !document.perplexity()
        && !document.divergence()
        && protocol.questionTailCharacters() == 0
        && infer.policies().stream().anyMatch(policy -> !policy.dense());
  }

  /** The cache policies whose prefill of the document is watched: those that list key blocks. */
  List<CachePolicy> watchedPrefills(EvalDocument document) {
    return studied.contains(document.docId()) && !document.perplexity()
        ? infer.cachePolicies().stream().filter(cache -> cache.prefill().isPresent()).toList()
        : List.of();
  }
}
