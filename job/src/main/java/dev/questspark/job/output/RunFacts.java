package dev.questspark.job.output;

import java.time.Instant;
import java.util.Optional;

/**
 * What is known of a run besides its options.
 *
 * @param durationNanos inference, from the first task's start to the last commit, on the driver's
 *     clock
 * @param readerFingerprint of a second model that reads
 */
public record RunFacts(
    String runId,
    Instant startedAt,
    long durationNanos,
    Application application,
    String modelFingerprint,
    Optional<String> readerFingerprint,
    long records,
    int partitions) {

  /**
   * What ran, and where it is to be found.
   *
   * @param id Spark's, as the history server lists it
   * @param driverHost as Spark names it
   * @param version of the jar
   */
  public record Application(
      String id, String master, String driverHost, String version, String sparkVersion) {}

  /**
   * What executors that were lost took with them.
   *
   * @param executors how many; what their engines had counted since their last task is in no sum
   * @param rowsKept rows that they had committed in tasks that others finished
   */
  public record Losses(int executors, long rowsKept) {}
}
