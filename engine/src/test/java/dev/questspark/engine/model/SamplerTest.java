package dev.questspark.engine.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.DocumentException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SamplerTest {
  private static final BitSet NONE = new BitSet();

  private static SamplingParams params(
      float temperature, float topP, int topK, float minP, float penalty, long seed) {
    return SamplingParams.builder(1)
        .temperature(temperature)
        .topP(topP)
        .topK(topK)
        .minP(minP)
        .repetitionPenalty(penalty)
        .seed(seed)
        .build();
  }

  /** Logits of a small vocabulary with a tie, a masked token and a long tail. */
  private static float[] logits() {
    return new float[] {
      1.5f, -2, 3, 3, 0.25f, Float.NEGATIVE_INFINITY, -0.5f, 2.5f, 1, -6, 0, 2.75f
    };
  }

  @ParameterizedTest(name = "T {0} top_p {1} top_k {2} min_p {3} penalty {4}")
  @CsvSource({
    "1,   1,    0, 0,    1",
    "0.7, 1,    0, 0,    1",
    "1.5, 0.9,  0, 0,    1",
    "1,   0.5,  0, 0,    1",
    "1,   1,    3, 0,    1",
    "1,   1,    0, 0.3,  1",
    "1.2, 0.95, 6, 0.05, 1.3",
    "1,   0.8,  5, 0,    0.7",
    "2,   0.7,  0, 0.2,  1",
    "1,   1,   12, 0,    1",
    "1,   0.01, 0, 0,    1",
    "1,   1,    1, 0,    1",
  })
  void drawsFromTheExactDistribution(
      float temperature, float topP, int topK, float minP, float penalty) {
    BitSet seen = new BitSet();
    seen.set(2);
    seen.set(6);
    SamplingParams shape = params(temperature, topP, topK, minP, penalty, 0);
    double[] expected = distribution(logits(), shape, seen);
    Sampler sampler = new Sampler(expected.length);
    int draws = 40_000;
    long[] counts = new long[expected.length];
    for (int draw = 0; draw < draws; draw++) {
      // seeds and positions both vary, as rows and steps do
      SamplingParams row = params(temperature, topP, topK, minP, penalty, 1000 + draw % 200);
      counts[sampler.sample(logits(), row, seen, draw / 200)]++;
    }
    double chiSquare = 0;
    int kept = 0;
    for (int id = 0; id < expected.length; id++) {
      if (expected[id] == 0) {
        assertThat(counts[id]).as("token %d is cut", id).isZero();
      } else {
        double mean = expected[id] * draws;
        chiSquare += (counts[id] - mean) * (counts[id] - mean) / mean;
        kept++;
      }
    }
    // mean kept - 1, standard deviation sqrt(2 (kept - 1)); five of them
    assertThat(chiSquare).isLessThan(kept - 1 + 5 * Math.sqrt(2.0 * (kept - 1)) + 1e-9);
  }

  /** The definition, with a sort and doubles. */
  private static double[] distribution(float[] logits, SamplingParams params, BitSet seen) {
    double[] scores = new double[logits.length];
    List<Integer> order = new ArrayList<>();
    for (int id = 0; id < logits.length; id++) {
      double logit = logits[id];
      if (seen.get(id)) {
        logit = logit > 0 ? logit / params.repetitionPenalty() : logit * params.repetitionPenalty();
      }
      scores[id] = logit / params.temperature();
      order.add(id);
    }
    order.sort(Comparator.comparingDouble((Integer id) -> -scores[id]).thenComparing(id -> id));
    if (params.topK() > 0) {
      order = order.subList(0, Math.min(params.topK(), order.size()));
    }
    double total = order.stream().mapToDouble(id -> Math.exp(scores[id])).sum();
    double best = Math.exp(scores[order.get(0)]);
    double[] probabilities = new double[logits.length];
    double mass = 0;
    for (int id : order) {
      double weight = Math.exp(scores[id]);
      if (mass / total >= params.topP() || weight / best < params.minP()) {
        break;
      }
      mass += weight;
      probabilities[id] = weight;
    }
    for (int id = 0; id < probabilities.length; id++) {
      probabilities[id] /= mass;
    }
    return probabilities;
  }

  @Test
  void greedyTakesTheLowestOfTheBest() {
    assertThat(new Sampler(12).sample(logits(), SamplingParams.greedy(1, List.of()), NONE, 0))
        .isEqualTo(2);
  }

  @Test
  void repetitionPenaltyLowersSeenTokensOfEitherSign() {
    BitSet seen = new BitSet();
    seen.set(2);
    SamplingParams greedy = params(0, 1, 0, 0, 2, 0);
    assertThat(new Sampler(12).sample(logits(), greedy, seen, 0)).isEqualTo(3);
    float[] negative = {-1, -1.5f};
    seen.set(0);
    assertThat(new Sampler(2).sample(negative, greedy, seen, 0)).isEqualTo(1);
  }

  @Test
  void aDrawDependsOnSeedAndPositionAlone() {
    SplittableRandom random = new SplittableRandom(11);
    Sampler used = new Sampler(12);
    for (int run = 0; run < 500; run++) {
      SamplingParams row = params(1, 0.9f, 0, 0, 1, random.nextLong());
      int position = random.nextInt(1000);
      int token = new Sampler(12).sample(logits(), row, NONE, position);
      used.sample(logits(), params(1.3f, 1, 4, 0, 1, run), NONE, run); // another row in between
      assertThat(used.sample(logits(), row, NONE, position)).isEqualTo(token);
    }
  }

  @Test
  void neighbouringSeedsAndPositionsAreIndependent() {
    int rows = 400;
    int positions = 400;
    double[] sums = new double[3];
    for (int seed = 0; seed < rows; seed++) {
      for (int position = 0; position < positions; position++) {
        double here = RowRandom.uniform(seed, position) - 0.5;
        sums[0] += here;
        sums[1] += here * (RowRandom.uniform(seed, position + 1) - 0.5);
        sums[2] += here * (RowRandom.uniform(seed + 1, position) - 0.5);
      }
    }
    double draws = (double) rows * positions;
    assertThat(Math.abs(sums[0])).isLessThan(5 * Math.sqrt(draws / 12)); // variance 1/12
    assertThat(Math.abs(sums[1])).isLessThan(5 * Math.sqrt(draws) / 12);
    assertThat(Math.abs(sums[2])).isLessThan(5 * Math.sqrt(draws) / 12);
  }

  @Test
  void tinyTemperatureIsGreedy() {
    Sampler sampler = new Sampler(3);
    for (int position = 0; position < 50; position++) {
      float[] logits = {1, 1.001f, 0};
      assertThat(sampler.sample(logits, params(1e-30f, 1, 0, 0, 1, 7), NONE, position))
          .isEqualTo(1);
    }
  }

  @Test
  void refusesNaN() {
    assertThatThrownBy(
            () ->
                new Sampler(2)
                    .sample(new float[] {0, Float.NaN}, params(1, 1, 0, 0, 1, 0), NONE, 0))
        .isInstanceOf(DocumentException.class)
        .hasMessageContaining("token 1");
  }
}
