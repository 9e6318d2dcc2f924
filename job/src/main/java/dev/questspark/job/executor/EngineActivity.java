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
 * @param load where they stand
 * @param time how long they have been open and busy
 * @param tokens what they have computed
 * @param reads what their decode steps have read
 */
public record EngineActivity(int engines, Load load, Time time, Tokens tokens, Reads reads)
    implements Serializable {

  /** No engine. */
  public static final EngineActivity NONE =
      new EngineActivity(
          0, new Load(0, 0, 0, 0), new Time(0, 0, 0), new Tokens(0, 0, 0, 0, 0), new Reads(0, 0));

  /**
   * Where the engines stand.
   *
   * @param kvPages usable pages
   * @param kvPagesUsed pages in use after the latest step
   * @param running sequences in flight
   * @param waiting questions not yet started
   */
  public record Load(long kvPages, long kvPagesUsed, long running, long waiting)
      implements Serializable {
    private Load plus(Load other) {
      return new Load(
          kvPages + other.kvPages,
          kvPagesUsed + other.kvPagesUsed,
          running + other.running,
          waiting + other.waiting);
    }
  }

  /**
   * Sums since the engines opened.
   *
   * @param steps steps run
   * @param openNanos time since the engines opened
   * @param busyNanos time inside steps
   */
  public record Time(long steps, long openNanos, long busyNanos) implements Serializable {
    private Time plus(Time other) {
      return new Time(
          steps + other.steps, openNanos + other.openNanos, busyNanos + other.busyNanos);
    }
  }

  /**
   * Tokens by phase.
   *
   * @param prefill document tokens computed
   * @param prefillNanos their share of step time
   * @param question question tokens computed
   * @param decode generated tokens fed
   * @param decodeNanos their share of step time
   */
  public record Tokens(
      long prefill, long prefillNanos, long question, long decode, long decodeNanos)
      implements Serializable {
    private Tokens plus(Tokens other) {
      return new Tokens(
          prefill + other.prefill,
          prefillNanos + other.prefillNanos,
          question + other.question,
          decode + other.decode,
          decodeNanos + other.decodeNanos);
    }
  }

  /**
   * KV bytes of decode steps.
   *
   * @param bytesRead bytes read, digests included
   * @param bytesDense bytes that dense attention would have read in the same steps
   */
  public record Reads(long bytesRead, long bytesDense) implements Serializable {
    private Reads plus(Reads other) {
      return new Reads(bytesRead + other.bytesRead, bytesDense + other.bytesDense);
    }
  }

  /**
   * One engine's.
   *
   * @param latest its latest step, or null before the first or when nobody uses the engine
   */
  static EngineActivity of(EngineReport report, StepStats latest, long openNanos) {
    StepStats.Load load = latest == null ? new StepStats.Load(0, 0, 0) : latest.load();
    EngineReport.Work work = report.work();
    return new EngineActivity(
        1,
        new Load(report.setup().kvPages(), load.pagesUsed(), load.running(), load.waiting()),
        new Time(work.steps(), openNanos, work.busyNanos()),
        new Tokens(
            work.prefillTokens(),
            work.prefillNanos(),
            sum(report, policy -> policy.question().tokens()),
            sum(report, policy -> policy.decode().tokens()),
            sum(report, policy -> policy.decode().nanos())),
        new Reads(
            sum(report, policy -> policy.reads().bytesRead()),
            sum(report, policy -> policy.reads().bytesDense())));
  }

  private static long sum(EngineReport report, ToLongFunction<PolicyReport> value) {
    return report.policies().stream().mapToLong(value).sum();
  }

  /** Both together. */
  public EngineActivity plus(EngineActivity other) {
    return new EngineActivity(
        engines + other.engines,
        load.plus(other.load),
        time.plus(other.time),
        tokens.plus(other.tokens),
        reads.plus(other.reads));
  }
}
