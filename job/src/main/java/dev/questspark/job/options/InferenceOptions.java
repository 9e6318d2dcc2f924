package dev.questspark.job.options;

import java.io.Serializable;

/** Everything that a task that infers needs to know of the options, in a job and in a query. */
public record InferenceOptions(
    EngineOptions engine,
    PromptOptions prompt,
    SelectionOptions selection,
    SamplingOptions sampling,
    LongDocumentOptions longDocuments,
    StageOptions stage)
    implements Serializable {}
