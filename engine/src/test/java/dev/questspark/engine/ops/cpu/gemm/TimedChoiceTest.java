package dev.questspark.engine.ops.cpu.gemm;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The faster of two ways is taken nearly always, whichever it is at the time. */
class TimedChoiceTest {
  private static final int CALLS = 3200;

  private final TimedChoice ways = new TimedChoice(0);

  /** Calls that went the second way, when the ways take so long. */
  private int second(long first, long second) {
    int count = 0;
    for (int call = 0; call < CALLS; call++) {
      int way = ways.next();
      ways.took(way, way == 0 ? first : second);
      count += way;
    }
    return count;
  }

  @Test
  void theFasterWayIsTakenAndTheOtherTried() {
    assertThat(second(100, 150)).as("one in 32").isBetween(90, 110);
    assertThat(second(100, 80)).isGreaterThan(CALLS - 500);
    assertThat(second(50, 80)).isLessThan(500);
  }

  @Test
  void aWayThatIsCompiledMeanwhileIsFastAtOnce() {
    assertThat(second(100, 9_000)).isBetween(90, 110);
    assertThat(second(100, 80)).as("from the first trial on").isGreaterThan(CALLS - 150);
  }

  @Test
  void nothingIsTriedBeforeItsTime() {
    TimedChoice patient = new TimedChoice(Long.MAX_VALUE);
    for (int call = 0; call < CALLS; call++) {
      assertThat(patient.next()).isZero();
      patient.took(0, 100);
    }
  }
}
