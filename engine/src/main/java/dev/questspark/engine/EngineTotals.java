package dev.questspark.engine;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.stats.EngineReport;
import dev.questspark.engine.stats.PolicyReport;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Running sums behind {@link EngineReport}. Written by the engine thread, read by any. */
final class EngineTotals {
  private final Map<ReadPolicy, Sums> policies = new LinkedHashMap<>();
  private long steps;
  private long busyNanos;
  private int peakPagesUsed;
  private long preemptions;
  private long documents;
  private long prefillTokens;
  private long prefillNanos;
  private long prefillSelectionNanos;
  private long documentsRead;
  private long readingTokens;
  private long readingNanos;

  private static final class Sums {
    long questionTokens;
    long questionNanos;
    long decodeTokens;
    long decodeNanos;
    long bytesRead;
    long bytesDense;
    long sparseSteps;
    long denseSteps;
  }

  /**
   * Attributes one step's time: attention to the group it was timed for, the rest by row count.
   *
   * @param groupNanos attention time of each group of the plan
   */
  synchronized void step(StepPlan plan, long[] groupNanos, long nanos, int pagesUsed) {
    steps++;
    busyNanos += nanos;
    peakPagesUsed = Math.max(peakPagesUsed, pagesUsed);
    long attention = 0;
    for (long group : groupNanos) {
      attention += group;
    }
    // A clock that times some of the layers may come to more than the step.
    double sharedPerRow = (double) Math.max(0, nanos - attention) / plan.batch().rows();
    for (int g = 0; g < plan.groups().size(); g++) {
      StepPlan.Group group = plan.groups().get(g);
      int rows = group.attention().rows().count();
      long share = groupNanos[g] + Math.round(sharedPerRow * rows);
      switch (group.phase()) {
        case PREFILL -> {
          prefillTokens += rows;
          prefillNanos += share;
        }
        case QUESTION -> {
          sums(group.policy()).questionTokens += rows;
          sums(group.policy()).questionNanos += share;
        }
        case DECODE -> {
          sums(group.policy()).decodeTokens += rows;
          sums(group.policy()).decodeNanos += share;
        }
      }
    }
  }

  synchronized void read(ReadPolicy policy, long bytesRead, long bytesDense, boolean sparse) {
    Sums sums = sums(policy);
    sums.bytesRead += bytesRead;
    sums.bytesDense += bytesDense;
    if (sparse) {
      sums.sparseSteps++;
    } else {
      sums.denseSteps++;
    }
  }

  /** Adds time that prefill selectors have needed. */
  synchronized void prefillSelection(long nanos) {
    prefillSelectionNanos += nanos;
  }

  synchronized void read(int tokens, long nanos, boolean ended) {
    readingTokens += tokens;
    readingNanos += nanos;
    documentsRead += ended ? 1 : 0;
  }

  /** Time in which documents were compressed: part of what their prefill took. */
  synchronized void compressed(long nanos) {
    busyNanos += nanos;
    prefillNanos += nanos;
  }

  synchronized void documentPrefilled() {
    documents++;
  }

  synchronized void preempted() {
    preemptions++;
  }

  private Sums sums(ReadPolicy policy) {
    return policies.computeIfAbsent(policy, s -> new Sums());
  }

  synchronized EngineReport report(EngineReport.Setup setup, EngineReport.Memory memory) {
    List<PolicyReport> reports = new ArrayList<>();
    policies.forEach(
        (policy, s) ->
            reports.add(
                new PolicyReport(
                    policy,
                    new PolicyReport.Phase(s.questionTokens, s.questionNanos),
                    new PolicyReport.Phase(s.decodeTokens, s.decodeNanos),
                    new PolicyReport.Reads(
                        s.bytesRead, s.bytesDense, s.sparseSteps, s.denseSteps))));
    EngineReport.Work work =
        new EngineReport.Work(
            steps,
            busyNanos,
            peakPagesUsed,
            preemptions,
            documents,
            prefillTokens,
            prefillNanos,
            prefillSelectionNanos);
    EngineReport.Reading reading =
        new EngineReport.Reading(documentsRead, readingTokens, readingNanos);
    return new EngineReport(setup, memory, work, reading, reports);
  }
}
