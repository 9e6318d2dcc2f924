package dev.questspark.engine.ops;

/**
 * Facts about what one step read, per row, summed over layers and KV heads. Only {@code
 * scorePages}, {@code pruneTokens}, {@code attendPages}, {@code attendPrefill} with block lists and
 * the ops on prefixes count; dense prefill computes everything.
 *
 * @param pagesScored digest pairs read, one entry per row
 * @param pagesAttended list entries attended to, one entry per row
 * @param tokensEstimated 4-bit keys read, one entry per row
 * @param tokensAttended tokens whose key and value were read, one entry per row
 * @param blocksComputed key blocks that a document row attended to, summed over query heads, one
 *     entry per row
 * @param prefixTokens of {@code tokensAttended} those of prefixes, one entry per row
 */
public record ReadCounters(
    long[] pagesScored,
    long[] tokensEstimated,
    long[] pagesAttended,
    long[] tokensAttended,
    long[] blocksComputed,
    long[] prefixTokens) {}
