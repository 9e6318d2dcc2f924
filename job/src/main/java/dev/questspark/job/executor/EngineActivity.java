package dev.questspark.job.executor;

import dev.questspark.engine.stats.EngineReport;
import dev.questspark.engine.stats.PolicyReport;
import dev.questspark.engine.stats.StepStats;
import java.io.Serializable;
import java.util.function.ToLongFunction;

/**
 * What the open engines of one JVM, or of all, are doing and have done, added up.
 *
 * @param engines open engines
 * @param kvPages usable pages
 * @param kvPagesUsed pages in use after the latest step
 * @param running sequences in flight
 * @param waiting questions not yet started
 * @param steps steps run
 * @param openNanos time since the engines opened
 * @param busyNanos time inside steps
 * @param prefillTokens document tokens computed
 * @param prefillNanos their share of step time
 * @param questionTokens question tokens computed
 * @param decodeTokens generated tokens fed
 * @param decodeNanos their share of step time
 * @param kvBytesRead KV bytes read in decode steps, digests included
 * @param kvBytesDense KV bytes that dense attention would have read in the same steps
 */
public record EngineActivity(
    int engines,
    long kvPages,
    long kvPagesUsed,
    long running,
    long waiting,
    long steps,
    long openNanos,
    long busyNanos,
    long prefillTokens,
    long prefillNanos,
    long questionTokens,
    long decodeTokens,
    long decodeNanos,
    long kvBytesRead,
    long kvBytesDense)
    implements Serializable {

  /** No engine. */
  public static final EngineActivity NONE =
      new EngineActivity(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

  /**
   * One engine's.
   *
   * @param latest its latest step, or null before the first or when nobody uses the engine
   */
  static EngineActivity of(EngineReport report, StepStats latest, long openNanos) {
    return new EngineActivity(
        1,
        report.setup().kvPages(),
        latest == null ? 0 : latest.pagesUsed(),
        latest == null ? 0 : latest.running(),
        latest == null ? 0 : latest.waiting(),
        report.work().steps(),
        openNanos,
        report.work().busyNanos(),
        report.work().prefillTokens(),
        report.work().prefillNanos(),
        sum(report, PolicyReport::questionTokens),
        sum(report, PolicyReport::decodeTokens),
        sum(report, PolicyReport::decodeNanos),
        sum(report, PolicyReport::bytesRead),
        sum(report, PolicyReport::bytesDense));
  }

  private static long sum(EngineReport report, ToLongFunction<PolicyReport> value) {
    return report.policies().stream().mapToLong(value).sum();
  }

  /** Both together. */
  public EngineActivity plus(EngineActivity other) {
    return new EngineActivity(
        engines + other.engines,
        kvPages + other.kvPages,
        kvPagesUsed + other.kvPagesUsed,
        running + other.running,
        waiting + other.waiting,
        steps + other.steps,
        openNanos + other.openNanos,
        busyNanos + other.busyNanos,
        prefillTokens + other.prefillTokens,
        prefillNanos + other.prefillNanos,
        questionTokens + other.questionTokens,
        decodeTokens + other.decodeTokens,
        decodeNanos + other.decodeNanos,
        kvBytesRead + other.kvBytesRead,
        kvBytesDense + other.kvBytesDense);
  }
}
