package dev.questspark.job.output;

import java.time.Instant;

/**
 * What is known of a run besides its options.
 *
 * @param durationNanos inference, from the first task's start to the last commit, on the driver's
 *     clock
 */
public record RunFacts(
    String runId,
    Instant startedAt,
    long durationNanos,
    String appVersion,
    String sparkVersion,
    String modelFingerprint,
    long records,
    int partitions) {}
