package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.cuda.RequiresTestDriver;
import dev.questspark.engine.ops.cuda.WholeModels;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.stats.StepStats;
import dev.questspark.engine.tokens.ByteTokenizer;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

/** Attention is timed where it is computed, not where its launches are written down. */
@RequiresTestDriver
@ExtendWith(WholeModels.Search.class)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class CudaClockTest {

  @Test
  void attentionHasItsShareOfAStep() throws URISyntaxException {
    CachePolicy sampled = CachePolicy.parsePrefill("sampled(budget=64, segment=128)");
    EngineConfig config =
        EngineConfig.builder(
                Path.of(
                        CudaClockTest.class
                            .getResource("/hf-models/llama3-gqa/config.json")
                            .toURI())
                    .getParent())
            .device(DeviceName.parse("cuda"))
            .dtype(ComputeDType.FLOAT32)
            .maxModelLen(512)
            .maxNumSeqs(2)
            .maxNumBatchedTokens(256)
            .cachePolicies(Set.of(CachePolicy.NONE, sampled))
            .build();
    ConcurrentLinkedQueue<StepStats> steps = new ConcurrentLinkedQueue<>();
    try (Engine engine = Engine.open(config, new ByteTokenizer(), steps::add)) {
      for (CachePolicy policy : List.of(CachePolicy.NONE, sampled)) {
        int[] text = new Random(1).ints(480, 3, 320).toArray();
        QuestionRequest question =
            new QuestionRequest(
                new int[] {5, 6}, new Dense(), false, SamplingParams.greedy(6, List.of()));
        engine.submit(new DocumentRequest("d", text, policy, List.of(question))).get(0).join();
      }
      long prefill = engine.report().work().prefillNanos();
      long selection = engine.report().work().prefillSelectionNanos();
      assertThat(selection).isPositive().isLessThan(prefill);
    }
    long attention = 0;
    long all = 0;
    for (StepStats step : steps) {
      StepStats.Attention timed = step.attention();
      long ofStep = timed.prefillNanos() + timed.questionNanos() + timed.decodeNanos();
      assertThat(ofStep).as("%s", step).isPositive();
      attention += ofStep;
      all += step.nanos();
    }
    // The kernels of 480 tokens and 4 heads of 16 channels; recording them takes a thousandth. Some
    // layers stand for the others, so that a busy host may make it more than there is.
    assertThat((double) attention / all).isBetween(0.2, 1.5);
  }
}
