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
 * "POLICY; POLICY"} or {@code --cache-policy} alike, each round prefills its document densely and
 * then as each policy says, so that all are measured side by side. Where a policy reads the
 * document before it chooses what is prefilled, the reading counts.
 */
final class PrefillBenchmark {
  /** Of a first document, so that what is measured has been compiled. */
  private static final int WARM_UP_TOKENS = 1024;

  private final Engine engine;
  private final LongAdder attention;
  private final int questionTokens;
  private final TokenIds ids;

  private PrefillBenchmark(Engine engine, LongAdder attention, int questionTokens) {
    this.engine = engine;
    this.attention = attention;
    this.questionTokens = questionTokens;
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
    String whole = arguments.text("cache-policy", "");
    if (!whole.isBlank()) {
      Arrays.stream(whole.split(";")).map(CachePolicy::parse).forEach(policies::add);
    }
    int questionTokens = arguments.number("question", 1);
    LongAdder attention = new LongAdder();
    try (Engine engine =
        OpenBenchmark.open(
            arguments,
            tokens + questionTokens + 16,
            1,
            2048,
            Set.copyOf(policies),
            step -> attention.add(step.attention().prefillNanos()))) {
      PrefillBenchmark benchmark = new PrefillBenchmark(engine, attention, questionTokens);
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
   * @param seconds of reading and of prefill
   * @param reading seconds of them before the tokens were chosen
   * @param attention seconds in attention, scoring included
   * @param scoring seconds in which key blocks were scored and listed
   */
  private record Round(
      double seconds,
      double reading,
      double attention,
      double scoring,
      int kvPages,
      Completion.Prefill blocks) {}

  private Round prefill(int count, int seed, CachePolicy policy) {
    EngineReport before = engine.report();
    attention.reset();
    SamplingParams one = SamplingParams.endless(1);
    QuestionRequest question =
        new QuestionRequest(ids.random(questionTokens, 3), new Dense(), false, one);
    Completion completion =
        engine
            .submit(new DocumentRequest("d", ids.random(count, seed), policy, List.of(question)))
            .get(0)
            .join();
    EngineReport after = engine.report();
    double reading = (after.reading().nanos() - before.reading().nanos()) / 1e9;
    return new Round(
        (after.work().prefillNanos() - before.work().prefillNanos()) / 1e9 + reading,
        reading,
        attention.sum() / 1e9,
        (after.work().prefillSelectionNanos() - before.work().prefillSelectionNanos()) / 1e9,
        completion.reads().pagesTotal(),
        completion.prefill());
  }

  private static void print(
      Engine engine, int tokens, CachePolicy policy, List<Round> rounds, double dense) {
    double seconds = median(rounds, Round::seconds);
    Completion.Prefill blocks = rounds.get(0).blocks;
    double attended = median(rounds, round -> round.attention - round.scoring);
    new Measurement("prefill")
        .with("context", tokens)
        .with("policy", policy.text())
        .with("backend", engine.report().setup().backend())
        .with("reading_s", median(rounds, Round::reading))
        .with("kv_pages", rounds.get(0).kvPages)
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
