package dev.questspark.engine.stats;

/**
 * One step of the engine.
 *
 * @param step counts from 0
 * @param startNanos since the engine opened
 * @param nanos wall time of the step: scheduling, forward pass, sampling
 * @param prefillRows document tokens computed
 * @param questionRows question tokens computed
 * @param decodeRows generated tokens fed
 * @param prefillAttentionNanos time in attention of prefill rows, selection included; likewise the
 *     next two
 * @param running sequences in flight
 * @param waiting questions not yet started
 * @param pagesUsed KV pages in use
 * @param bytesRead KV bytes that question and decode rows read, digests included
 */
public record StepStats(
    long step,
    long startNanos,
    long nanos,
    int prefillRows,
    int questionRows,
    int decodeRows,
    long prefillAttentionNanos,
    long questionAttentionNanos,
    long decodeAttentionNanos,
    int running,
    int waiting,
    int pagesUsed,
    long bytesRead) {}
