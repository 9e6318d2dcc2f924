package dev.questspark.job.output;

import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.executor.InferSettings;

/** One policy of a run: what the console shows, and the source of a {@code stats/} row. */
public final class PolicyStats {
  final InferSettings settings;
  final RunFacts facts;
  final ReadPolicy policy;
  final AnswerTotals answers;
  final EngineSums engines;
  final RunFacts.Losses losses;

  PolicyStats(
      InferSettings settings,
      RunFacts facts,
      ReadPolicy policy,
      AnswerTotals answers,
      EngineSums engines,
      RunFacts.Losses losses) {
    this.settings = settings;
    this.facts = facts;
    this.policy = policy;
    this.answers = answers;
    this.engines = engines;
    this.losses = losses;
  }

  public ReadPolicy policy() {
    return policy;
  }

  /** The policy as every table names it. */
  public PolicyColumns columns() {
    return PolicyColumns.of(policy, settings.cachePolicy());
  }

  public long documents() {
    return answers.total("documents");
  }

  public long rows() {
    return answers.total("rows");
  }

  public long failed() {
    return answers.total("rows") - answers.total("completed");
  }

  /** Answers that end inside their thinking. */
  public long unfinishedReasoning() {
    return answers.total("unfinished_reasoning");
  }

  /** Null without reference answers. */
  public Double accuracy() {
    return answers.accuracy();
  }

  /** Document tokens per second of prefill time; all policies share the prefill. */
  public Double prefillThroughput() {
    return EngineSums.ratio(
        engines.sum(report -> report.work().prefillTokens()),
        engines.seconds(report -> report.work().prefillNanos()));
  }

  /** Generated tokens per second of decode time. */
  public Double decodeThroughput() {
    return EngineSums.ratio(
        engines.sum(policy, report -> report.decode().tokens()),
        engines.seconds(policy, report -> report.decode().nanos()));
  }

  /** Null without a decode step. */
  public Double kvReadShare() {
    return engines.readShare(policy);
  }

  /** A budget that never read less than dense would have. */
  public boolean neverSparse() {
    return !policy.dense()
        && engines.sum(policy, report -> report.reads().sparseSteps()) == 0
        && answers.total("completed") > 0;
  }

  public double startUpSeconds() {
    return engines.slowestSeconds(report -> report.setup().loadNanos())
        + engines.slowestSeconds(report -> report.setup().warmupNanos());
  }
}
