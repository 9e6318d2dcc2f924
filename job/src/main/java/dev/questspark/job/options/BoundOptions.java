package dev.questspark.job.options;

import dev.questspark.job.options.Choices.Command;

/**
 * The options of one job, checked and typed, by the subject of their reader. Made once, on the
 * driver.
 *
 * @param corpus the input; not read by a report
 * @param output where results go
 * @param inference what a task that infers needs
 * @param measure of a sweep, an evaluation or a report
 * @param listing the same as texts
 */
public record BoundOptions(
    Command command,
    CorpusOptions corpus,
    OutputOptions output,
    InferenceOptions inference,
    MeasureOptions measure,
    OptionListing listing) {}
