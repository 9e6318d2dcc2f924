package dev.questspark.job.run;

import dev.questspark.job.executor.FailurePolicy;
import dev.questspark.job.infer.RunCounters;
import dev.questspark.job.options.ExitCode;
import dev.questspark.job.options.OptionListing;
import dev.questspark.job.output.PolicyStats;
import dev.questspark.job.output.RunEnd;
import dev.questspark.job.output.RunFacts;
import dev.questspark.job.output.RunJson;
import dev.questspark.job.partition.CorpusPlan;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Map;

/** Keeps a run's {@code run.json}: written when it begins to infer, and again when it ends. */
final class RunRecord {
  private final OpenRun run;
  private final OptionListing options;
  private final ExecutorLosses executors;
  private RunFacts facts;

  RunRecord(OpenRun run, OptionListing options, ExecutorLosses executors) {
    this.run = run;
    this.options = options;
    this.executors = executors;
  }

  /** Tells a later run what the answers are made with, should this one die. */
  void begins(CorpusPlan plan) throws IOException {
    facts = run.facts(Instant.now(), 0, plan.records(), plan.partitions());
    run.output().writeRunJson(RunJson.begun(options, run.settings(), facts));
  }

  /**
   * @param durationNanos inference
   */
  void inferred(long durationNanos) {
    facts = run.facts(facts.startedAt(), durationNanos, facts.records(), facts.partitions());
  }

  RunFacts facts() {
    return facts;
  }

  RunFacts.Losses losses(RunCounters counters) {
    return new RunFacts.Losses(executors.count(), counters.kept().value());
  }

  void ends(int exitCode, List<PolicyStats> stats, RunCounters counters) throws IOException {
    RunEnd.Rows rows =
        RunEnd.Rows.of(
            run.spark(),
            run.output(),
            stats,
            facts.runId(),
            counters.found().value(),
            counters.kept().value());
    run.output()
        .rewriteRunJson(
            RunJson.ended(
                options,
                run.settings(),
                facts,
                counters.engines().value(),
                new RunEnd(exitCode, null, rows, executors.executors())));
  }

  /** Where a run fails that has begun to infer; the failure itself is what the user hears of. */
  void failed(RuntimeException failure) {
    if (facts == null) {
      return;
    }
    boolean refused = FailurePolicy.configError(failure).isPresent();
    String message = String.valueOf(failure.getMessage()).lines().findFirst().orElse("");
    try {
      run.output()
          .rewriteRunJson(
              RunJson.ended(
                  options,
                  run.settings(),
                  facts,
                  Map.of(),
                  new RunEnd(
                      refused ? ExitCode.REFUSED : ExitCode.FAILED,
                      message,
                      null,
                      executors.executors())));
    } catch (IOException unwritable) {
      failure.addSuppressed(unwritable);
    }
  }
}
