package dev.questspark.job.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class LengthTableTest {
  @Test
  void everyPolicyStandsAtEveryLengthAgainstDensePairedWithIntervals() {
    Measurements measurements = MeasuredRows.cachePolicies();
    List<List<String>> lines = LengthTable.lines(measurements);
    assertThat(lines).hasSize(1 + 2 * 4);
    Interval lost = Interval.paired(List.of(-1.0, 0.0, 0.0, 0.0, 0.0, 0.0));
    Interval found = Interval.wilson(5, 6);
    assertThat(lines.get(1).subList(0, 5)).containsExactly("dense", "none", "2048", "6", "100.0 %");
    assertThat(lines.get(1).subList(6, 8)).as("dense itself").containsExactly("-", "-");
    assertThat(lines.get(3))
        .containsExactly(
            "dense",
            MeasuredRows.A_SHAPE,
            "2048",
            "6",
            "83.3 %",
            Format.percent(found.low()) + " to " + Format.percent(found.high()),
            "-16.7",
            Format.points(lost.low()) + " to " + Format.points(lost.high()));
    assertThat(lines.get(7).subList(0, 5))
        .as("only a document of 2,048 tokens was lost")
        .containsExactly("dense", MeasuredRows.A_SHAPE, "8192", "6", "100.0 %");
    assertThat(LengthTable.text(measurements)).contains("against dense", "83.3 %");
    assertThat(LengthTable.html(measurements))
        .contains("<th>prompt tokens</th>", "<td>83.3 %</td>");
  }

  @Test
  void thereIsNoneForOneLengthOrWithoutScores() {
    assertThat(LengthTable.text(MeasuredRows.windows(5))).isEmpty();
    assertThat(LengthTable.html(MeasuredRows.perplexities())).isEmpty();
  }
}
