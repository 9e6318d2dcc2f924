package dev.questspark.bench;

import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.stats.EngineReport;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;

/** Prompt tokens per second of one document at a time, through the scheduler. */
final class PrefillBenchmark {
  /** Of a first document, so that what is measured has been compiled. */
  private static final int WARM_UP_TOKENS = 1024;

  private PrefillBenchmark() {}

  static void run(Arguments arguments) {
    int tokens = arguments.number("context", 2048);
    int rounds = arguments.number("rounds", 3);
    LongAdder attention = new LongAdder();
    try (Engine engine =
        OpenBenchmark.open(
            arguments,
            tokens + 16,
            1,
            2048,
            step -> attention.add(step.attention().prefillNanos()))) {
      TokenIds ids = new TokenIds(engine.model().vocabSize());
      double[] rates = new double[rounds];
      double[] attended = new double[rounds];
      for (int round = -1; round < rounds; round++) {
        int count = round < 0 ? Math.min(tokens, WARM_UP_TOKENS) : tokens;
        EngineReport before = engine.report();
        attention.reset();
        SamplingParams one = SamplingParams.endless(1);
        QuestionRequest question = new QuestionRequest(ids.random(1, 3), new Dense(), false, one);
        engine
            .submit(new DocumentRequest("d", ids.random(count, round + 5), List.of(question)))
            .get(0)
            .join();
        EngineReport after = engine.report();
        if (round >= 0) {
          attended[round] = attention.sum() / 1e9;
          rates[round] =
              (after.work().prefillTokens() - before.work().prefillTokens())
                  * 1e9
                  / (after.work().prefillNanos() - before.work().prefillNanos());
        }
      }
      new Measurement("prefill")
          .with("context", tokens)
          .with("backend", engine.report().setup().backend())
          .with("attention_s", Measurement.median(attended))
          .print(Measurement.median(rates), "tokens/s");
    }
  }
}
