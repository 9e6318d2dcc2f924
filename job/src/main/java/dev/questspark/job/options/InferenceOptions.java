package dev.questspark.job.options;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.policy.cache.tokens.ReaderKind;
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

  /**
   * Requires a second model where a document's policy reads with one, and nowhere else.
   *
   * @throws ConfigException naming both options and what to do
   */
  public void requireReader() {
    boolean given = engine.model().reader() != null;
    boolean reads =
        selection.cachePolicies().stream()
            .flatMap(policy -> policy.part(TokenSelection.class).stream())
            .anyMatch(part -> part.reader() == ReaderKind.MODEL);
    if (reads && !given) {
      throw new ConfigException(
          "cache_policy reads with a second model, but --reader-model names none; give it, or"
              + " reader=layers.");
    }
    if (given && !reads) {
      throw new ConfigException(
          "--reader-model is "
              + engine.model().reader().model()
              + ", but no cache_policy reads with it; give --cache-policy 'selective(reader=model)',"
              + " or leave it out.");
    }
  }

  /**
   * The same of models elsewhere.
   *
   * @param reader a second one that reads; null where there is none
   */
  public InferenceOptions of(ModelLocation model, ModelLocation reader) {
    return new InferenceOptions(
        engine.of(model, reader), prompt, selection, sampling, longDocuments, stage);
  }

  /** The same with other policies. */
  public InferenceOptions with(SelectionOptions other) {
    return new InferenceOptions(engine, prompt, other, sampling, longDocuments, stage);
  }

  /** The same with other policies of documents. */
  public InferenceOptions withCachePolicies(UnaryOperator<CachePolicy> change) {
    return new InferenceOptions(
        engine, prompt, selection.withCachePolicies(change), sampling, longDocuments, stage);
  }
}
