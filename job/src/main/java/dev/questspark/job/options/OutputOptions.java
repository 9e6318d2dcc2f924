package dev.questspark.job.options;

import dev.questspark.job.options.Choices.Mode;

/**
 * What {@link dev.questspark.job.options.keys.OutputKeys} say.
 *
 * @param folder receives the results
 * @param maxErrorRate 0 to 1, largest share of error rows of a run that counts as done
 */
public record OutputOptions(
    String folder,
    Mode mode,
    boolean resume,
    boolean retryErrors,
    int answerBatchRows,
    double maxErrorRate) {}
