package dev.questspark.engine.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.BitSet;
import org.junit.jupiter.api.Test;

class RowRandomTest {
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
  void aRowsNumberIsOfItsSeedAndPosition() {
    SamplingParams params = SamplingParams.builder(1).temperature(0.5f).topK(3).seed(7).build();
    assertThat(params.row(new BitSet(), 4)).isEqualTo(params.row(new BitSet(), 4));
    assertThat(params.row(null, 4).random()).isNotEqualTo(params.row(null, 5).random());
    assertThat(params.row(null, 4).topK()).isEqualTo(3);
  }
}
