package dev.questspark.job.plugin;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.executor.ExecutorDeath;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** When a run whose executors only die is ended. */
class BarrenExecutorsTest {
  private static final ExecutorDeath ENDED = new ExecutorDeath("Command exited with code 0");

  private final BarrenExecutors executors = new BarrenExecutors();
  private int started;

  private Optional<String> another() {
    String id = String.valueOf(started++);
    executors.added(id);
    return executors.lost(id, ENDED);
  }

  private void some(int number) {
    for (int i = 0; i < number; i++) {
      assertThat(another()).isEmpty();
    }
  }

  @Test
  void executorsThatDieOneAfterTheOtherEndTheRun() {
    some(BarrenExecutors.MOST - 1);
    assertThat(another())
        .hasValueSatisfying(
            why -> assertThat(why).contains("10 executors in a row", "exited with code 0"));
  }

  @Test
  void anAnswerBetweenStartsTheCountAnew() {
    executors.added("old");
    some(BarrenExecutors.MOST - 1);
    executors.answered();
    some(BarrenExecutors.MOST - 2);
    executors.lost("old", ENDED);
    executors.lost("old", ENDED); // told twice
    assertThat(another()).isEmpty();
    assertThat(another()).isPresent();
  }

  @Test
  void aHostThatTakesItsExecutorsWithItIsOneLoss() {
    for (int i = 0; i < 50; i++) {
      executors.added("side by side " + i);
    }
    for (int i = 0; i < 50; i++) {
      assertThat(executors.lost("side by side " + i, ENDED)).isEmpty();
    }
    some(BarrenExecutors.MOST - 2);
    assertThat(another()).isPresent();
  }
}
