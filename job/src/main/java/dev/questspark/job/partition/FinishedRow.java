package dev.questspark.job.partition;

/**
 * A row that an earlier run has left and that counts as finished.
 *
 * @param key {@code RecordSchema.KEY} of its document
 * @param question number of the question
 * @param policy index among the page selection policies of this run
 * @param failed whether it is an error row
 */
public record FinishedRow(long key, int question, int policy, boolean failed) {}
