package dev.questspark.job.options;

import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.model.ModelLocation;
import java.io.Serializable;
import java.util.function.UnaryOperator;

/** Everything that a task that infers needs to know of the options, in a job and in a query. */
public record InferenceOptions(
    EngineOptions engine,
    PromptOptions prompt,
    SelectionOptions selection,
    SamplingOptions sampling,
    LongDocumentOptions longDocuments,
    StageOptions stage)
    implements Serializable {

  /** The same of a model elsewhere. */
  public InferenceOptions of(ModelLocation model) {
    return new InferenceOptions(
        engine.of(model), prompt, selection, sampling, longDocuments, stage);
  }

  /** The same with other policies of documents. */
  public InferenceOptions withCachePolicies(UnaryOperator<CachePolicy> change) {
    return new InferenceOptions(
        engine, prompt, selection.withCachePolicies(change), sampling, longDocuments, stage);
  }
}
