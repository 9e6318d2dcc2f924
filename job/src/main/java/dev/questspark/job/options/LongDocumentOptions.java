package dev.questspark.job.options;

import dev.questspark.job.options.Choices.OnTooLong;
import java.io.Serializable;

/**
 * What {@link dev.questspark.job.options.keys.LongDocumentKeys} say.
 *
 * @param given whether someone said what happens to a long document
 * @param chunkTokens 0 for the most that fits
 */
public record LongDocumentOptions(
    OnTooLong onTooLong, boolean given, int chunkTokens, int chunkOverlapTokens)
    implements Serializable {}
