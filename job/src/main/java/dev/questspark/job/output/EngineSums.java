package dev.questspark.job.output;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.stats.EngineReport;
import dev.questspark.engine.stats.PolicyReport;
import java.util.Collection;
import java.util.function.ToLongFunction;

/** The reports of all engines of a run, added up; start-up is the slowest engine's. */
final class EngineSums {
  private static final double NANOS_PER_S = 1e9;

  private final Collection<EngineReport> engines;

  EngineSums(Collection<EngineReport> engines) {
    this.engines = engines;
  }

  int engines() {
    return engines.size();
  }

  /** What ran, as the first engine describes itself. */
  String backend() {
    return engines.stream().map(report -> report.setup().backend()).findFirst().orElse(null);
  }

  /** What the dtype came to in the first engine. */
  String dtype() {
    return engines.stream().map(report -> report.setup().dtype()).findFirst().orElse(null);
  }

  long sum(ToLongFunction<EngineReport> value) {
    return engines.stream().mapToLong(value).sum();
  }

  double seconds(ToLongFunction<EngineReport> nanos) {
    return sum(nanos) / NANOS_PER_S;
  }

  double slowestSeconds(ToLongFunction<EngineReport> nanos) {
    return engines.stream().mapToLong(nanos).max().orElse(0) / NANOS_PER_S;
  }

  long sum(ReadPolicy policy, ToLongFunction<PolicyReport> value) {
    return engines.stream()
        .flatMap(engine -> engine.policies().stream())
        .filter(report -> report.policy().equals(policy))
        .mapToLong(value)
        .sum();
  }

  double seconds(ReadPolicy policy, ToLongFunction<PolicyReport> nanos) {
    return sum(policy, nanos) / NANOS_PER_S;
  }

  /**
   * KV bytes read as a share of what dense attention would have read; null without a decode step.
   */
  Double readShare(ReadPolicy policy) {
    return ratio(
        sum(policy, report -> report.reads().bytesRead()),
        sum(policy, report -> report.reads().bytesDense()));
  }

  /** Null when there is nothing to divide by. */
  static Double ratio(double part, double whole) {
    return whole == 0 ? null : part / whole;
  }
}
