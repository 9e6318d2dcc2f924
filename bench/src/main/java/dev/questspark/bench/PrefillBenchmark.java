package dev.questspark.bench;

import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.stats.EngineReport;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.ToDoubleFunction;

/**
 * Prompt tokens per second of one document at a time, through the scheduler. With {@code --prefill
 * "POLICY; POLICY"} each round prefills its document densely and then as each policy says, so that
 * all are measured side by side.
 */
final class PrefillBenchmark {
  /** Of a first document, so that what is measured has been compiled. */
  private static final int WARM_UP_TOKENS = 1024;

  private final Engine engine;
  private final LongAdder attention;
  private final TokenIds ids;

  private PrefillBenchmark(Engine engine, LongAdder attention) {
    this.engine = engine;
    this.attention = attention;
    this.ids = new TokenIds(engine.model().vocabSize());
  }

  static void run(Arguments arguments) {
    int tokens = arguments.number("context", 2048);
    int rounds = arguments.number("rounds", 3);
    List<CachePolicy> policies = new ArrayList<>(List.of(CachePolicy.NONE));
    String given = arguments.text("prefill", "");
    if (!given.isBlank()) {
      Arrays.stream(given.split(";")).map(CachePolicy::parsePrefill).forEach(policies::add);
    }
    LongAdder attention = new LongAdder();
    try (Engine engine =
        OpenBenchmark.open(
            arguments,
            tokens + 16,
            1,
            2048,
            Set.copyOf(policies),
            step -> attention.add(step.attention().prefillNanos()))) {
      PrefillBenchmark benchmark = new PrefillBenchmark(engine, attention);
      List<List<Round>> all =
          policies.stream().map(p -> (List<Round>) new ArrayList<Round>()).toList();
      policies.forEach(policy -> benchmark.prefill(Math.min(tokens, WARM_UP_TOKENS), 4, policy));
      for (int round = 0; round < rounds; round++) {
        for (int p = 0; p < policies.size(); p++) {
          all.get(p).add(benchmark.prefill(tokens, round + 5, policies.get(p)));
        }
      }
      double dense = median(all.get(0), Round::seconds);
      for (int p = 0; p < policies.size(); p++) {
        print(engine, tokens, policies.get(p), all.get(p), dense);
      }
    }
  }

  /**
   * One document's prefill.
   *
   * @param attention seconds in attention, scoring included
   * @param scoring seconds in which key blocks were scored and listed
   */
  private record Round(
      double seconds, double attention, double scoring, Completion.Prefill blocks) {}

  private Round prefill(int count, int seed, CachePolicy policy) {
    EngineReport.Work before = engine.report().work();
    attention.reset();
    SamplingParams one = SamplingParams.endless(1);
    QuestionRequest question = new QuestionRequest(ids.random(1, 3), new Dense(), false, one);
    Completion completion =
        engine
            .submit(new DocumentRequest("d", ids.random(count, seed), policy, List.of(question)))
            .get(0)
            .join();
    EngineReport.Work after = engine.report().work();
    return new Round(
        (after.prefillNanos() - before.prefillNanos()) / 1e9,
        attention.sum() / 1e9,
        (after.prefillSelectionNanos() - before.prefillSelectionNanos()) / 1e9,
        completion.prefill());
  }

  private static void print(
      Engine engine, int tokens, CachePolicy policy, List<Round> rounds, double dense) {
    double seconds = median(rounds, Round::seconds);
    Completion.Prefill blocks = rounds.get(0).blocks;
    double attended = median(rounds, round -> round.attention - round.scoring);
    new Measurement("prefill")
        .with("context", tokens)
        .with("prefill", policy.text())
        .with("backend", engine.report().setup().backend())
        .with("attention_s", median(rounds, Round::attention))
        .with("scoring_share", median(rounds, round -> round.scoring / round.seconds))
        .with("density", blocks.density())
        .with("attention_ns_per_block", attended * 1e9 / blocks.blocksComputed())
        .with("speedup", dense / seconds)
        .print(tokens / seconds, "tokens/s");
  }

  private static double median(List<Round> rounds, ToDoubleFunction<Round> of) {
    return Measurement.median(rounds.stream().mapToDouble(of).toArray());
  }
}
