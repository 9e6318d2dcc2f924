package dev.questspark.engine.policy.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.questspark.engine.Engine;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.ops.backend.DeviceName;
import dev.questspark.engine.ops.cuda.RequiresTestDriver;
import dev.questspark.engine.ops.cuda.WholeModels;
import dev.questspark.engine.policy.cache.PrefillPartsTest.Answered;
import dev.questspark.engine.policy.cache.PrefillPartsTest.Row;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Every registered prefill on the CUDA backend, beside the CPU's. */
@RequiresTestDriver
@WholeModels
class CudaPrefillPartsTest {
  /** Three whole segments and a part of one. */
  private static final int LENGTH = 200;

  private static Engine open(String device, ComputeDType dtype) {
    return PrefillPartsTest.open(
        PrefillPartsTest.config(2, 128).device(DeviceName.parse(device)).dtype(dtype));
  }

  private static Answered answer(Engine engine, CachePolicy policy) {
    return Answered.of(
        PrefillPartsTest.join(engine.submit(PrefillPartsTest.document(0, LENGTH, policy))));
  }

  @Test
  void eachReadsWhatItReadsOnTheCpu() {
    try (Engine cpu = open("cpu", ComputeDType.FLOAT32);
        Engine cuda = open("cuda", ComputeDType.FLOAT32)) {
      for (Row row : PrefillPartsTest.ROWS) {
        Answered expected = answer(cpu, row.ofTight());
        Answered found = answer(cuda, row.ofTight());
        assertThat(found.prefill()).as(row.tight()).isEqualTo(expected.prefill());
        List<Double> logProbs = flat(found);
        for (int i = 0; i < logProbs.size(); i++) {
          assertThat(logProbs.get(i))
              .as("%s: token %d", row.tight(), i)
              .isCloseTo(flat(expected).get(i), within(1e-3));
        }
      }
    }
  }

  private static List<Double> flat(Answered answered) {
    List<Double> all = new ArrayList<>();
    answered.logProbs().forEach(all::addAll);
    return all;
  }

  /** In 16 bits; in float the contract of the ops says so. */
  @Test
  void aBudgetThatCoversTheContextIsDenseToTheBit() {
    try (Engine cuda = open("cuda", ComputeDType.BFLOAT16)) {
      Answered dense = answer(cuda, CachePolicy.NONE);
      for (Row row : PrefillPartsTest.ROWS) {
        assertThat(answer(cuda, row.ofWhole()).logProbs())
            .as(row.whole())
            .isEqualTo(dense.logProbs());
      }
    }
  }
}
