package dev.questspark.job.run;

import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.TokenSelection;
import dev.questspark.engine.policy.cache.tokens.Positions;
import dev.questspark.engine.policy.cache.tokens.ReaderKind;
import dev.questspark.job.options.Choices.OnTooLong;
import dev.questspark.job.options.EngineOptions;
import dev.questspark.job.options.OutputOptions;
import dev.questspark.job.output.CorpusChanges;
import dev.questspark.job.output.MostFrequentError;
import dev.questspark.job.output.OutputFolder;
import dev.questspark.job.output.PolicyStats;
import dev.questspark.job.output.RunFacts;
import dev.questspark.job.partition.CorpusPlan;
import dev.questspark.job.progress.Quantities;
import dev.questspark.job.progress.ResultTable;
import dev.questspark.job.prompt.ChatPrompts;
import dev.questspark.job.resources.ExecutorMemory;
import java.io.PrintStream;
import java.util.List;
import java.util.Locale;
import org.apache.spark.SparkContext;

/** What a run says before it begins and after it has ended. */
final class RunConsole {
  private static final double NANOS_PER_S = 1e9;

  private final PrintStream out;

  RunConsole(PrintStream out) {
    this.out = out;
  }

  void leftAsItIs(OpenRun run) {
    out.println(run.output() + " already has answers; --mode ignore leaves them as they are.");
  }

  void computesAgain(long errorRows) {
    out.printf("%d error rows are computed again%n", errorRows);
  }

  /** Says how the weights are stored and prompts are made, if there is anything to say. */
  void model(OpenRun run) {
    String format = run.model().format();
    if (!format.isEmpty()) {
      out.println("model weights: " + format);
    }
    if (run.model().visible()) {
      tell(ChatPrompts.said(run.settings().options().prompt(), run.model().path()));
    }
  }

  private void tell(String sentence) {
    if (!sentence.isEmpty()) {
      out.println(sentence);
    }
  }

  void begins(OpenRun run, EngineOptions engine, CorpusPlan plan, List<ReadPolicy> policies) {
    SparkContext spark = run.spark().sparkContext();
    if (!spark.isLocal()) {
      out.println(new ExecutorMemory(spark.conf()).advice(engine, run.model().weightBytes()));
    }
    out.printf(
        "%s, %s x %s, %s%s%n",
        Quantities.counted(plan.records(), "document"),
        Quantities.counted(plan.questions(), "question"),
        policies.size() == 1 ? "1 policy" : policies.size() + " policies",
        Quantities.counted(plan.partitions(), "partition"),
        plan.rowsFound() == 0 ? "" : ", " + plan.rowsFound() + " rows found finished");
    CachePolicy cachePolicy = run.settings().cachePolicy();
    if (cachePolicy.part(TokenSelection.class).isPresent()) {
      out.printf(
          "cache_policy %s: only chosen tokens of each document are prefilled. This is not lossless:"
              + " what is left out cannot be answered from.%n",
          cachePolicy.text());
    }
    if (run.settings().options().longDocuments().onTooLong() == OnTooLong.MAP_REDUCE
        && cachePolicy.part(TokenSelection.class).filter(RunConsole::readsBeyond).isPresent()) {
      out.println(
          "A chunk of map_reduce may be longer than max_model_len: the reader model reads it whole,"
              + " and what is kept of it fits.");
    }
  }

  private static boolean readsBeyond(TokenSelection selection) {
    return selection.reader() == ReaderKind.MODEL && selection.positions() == Positions.COMPACTED;
  }

  void updates(CorpusPlan plan, CorpusChanges changes) {
    out.printf(
        "update: %s new or changed (%d changed), %d unchanged, %d vanished%n",
        Quantities.counted(plan.recordsLeft(), "document"),
        changes.changed(),
        plan.records() - plan.recordsLeft(),
        changes.vanished());
  }

  /** Whoever reads the log in the morning learns how to go on. */
  void stopped(OutputOptions output, CorpusPlan plan, List<PolicyStats> stats, int policies) {
    long answered = plan.rowsFound() + stats.stream().mapToLong(PolicyStats::rows).sum();
    out.printf(
        "--deadline %s: %d of %d rows are answered and committed; the same command with %s goes on.%n",
        output.schedule().deadline().text(),
        answered,
        plan.questions() * policies,
        output.existing().update() ? "--update" : "--resume");
  }

  void ends(OpenRun run, CorpusPlan plan, RunFacts facts, List<PolicyStats> stats) {
    double startUpSeconds = stats.get(0).startUpSeconds();
    out.println();
    out.print(ResultTable.of(stats));
    out.println();
    out.printf(
        Locale.ROOT,
        "%s; engine start-up %.1f s, inference %.1f s%n",
        startUpSeconds > 0 ? facts.runId() : facts.runId() + " (no engine ran)",
        startUpSeconds,
        facts.durationNanos() / NANOS_PER_S);
    if (plan.rowsFound() > 0) {
      out.printf(
          "%d rows were found finished and not computed again; the table is of the %d others%n",
          plan.rowsFound(), stats.stream().mapToLong(PolicyStats::rows).sum());
    }
    OutputFolder output = run.output();
    out.printf("answers  %s%nstats    %s%n", output.answers().place(), output.stats());
    if (output.hasSteps()) {
      out.printf("steps    %s%n", output.steps());
    }
    out.printf("run      %s%n", output.runJson());
  }

  /** Says how many answers are nothing but thinking, so that nobody takes them for empty ones. */
  void unfinishedReasoning(List<PolicyStats> stats, int maxTokens) {
    long unfinished = stats.stream().mapToLong(PolicyStats::unfinishedReasoning).sum();
    if (unfinished > 0) {
      out.printf(
          "%d of %d answers end inside their thinking, which reasoning_text has; raise --max-tokens"
              + " (now %d), or switch thinking off, as --chat-template-kwargs"
              + " '{\"enable_thinking\": false}' does for models that know it.%n",
          unfinished, stats.stream().mapToLong(PolicyStats::rows).sum(), maxTokens);
    }
  }

  /** Whether more rows are error rows than the share allowed; says so if it is. */
  boolean tooManyErrors(OpenRun run, CorpusPlan plan, List<PolicyStats> stats, double allowed) {
    long rows = plan.rowsFound() + stats.stream().mapToLong(PolicyStats::rows).sum();
    long failed = plan.errorsFound() + stats.stream().mapToLong(PolicyStats::failed).sum();
    if (rows == 0 || (double) failed / rows <= allowed) {
      return false;
    }
    out.printf(
        "%d of %d rows are error rows, more than --max-error-rate %s allows; see error_code in"
            + " the answers.%n",
        failed, rows, allowed);
    MostFrequentError.in(run.output().answers().read(run.spark())).ifPresent(out::println);
    return true;
  }

  /** Whether a budget never took effect; says so, since its answers are dense attention's. */
  boolean unusedBudget(List<PolicyStats> stats) {
    List<PolicyStats> unused = stats.stream().filter(PolicyStats::neverSparse).toList();
    for (PolicyStats policy : unused) {
      out.printf(
          "%s never read less than dense attention: no context was longer than its budget (or than"
              + " its least context). Its answers are good; a lower budget would read less, and"
              + " --selectors %s says what was read.%n",
          policy.columns().policy(), new Dense().text());
    }
    return !unused.isEmpty();
  }
}
