package dev.questspark.engine.ops.cpu.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkersTest {
  private static final long HEAVY = 1 << 20;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void everyTaskRunsOnceAndBeforeTheCallReturns(int threads) {
    try (Workers workers = new Workers(threads)) {
      for (int tasks = 0; tasks < 200; tasks++) {
        AtomicIntegerArray runs = new AtomicIntegerArray(tasks);
        workers.run(
            tasks,
            HEAVY,
            (task, worker) -> {
              assertThat(worker).isBetween(0, threads - 1);
              runs.incrementAndGet(task);
            });
        for (int task = 0; task < tasks; task++) {
          assertThat(runs.get(task)).isEqualTo(1);
        }
      }
    }
  }

  @Test
  void aFailingTaskFailsTheCallAndNotTheNext() {
    try (Workers workers = new Workers(3)) {
      assertThatThrownBy(
              () ->
                  workers.run(
                      50,
                      HEAVY,
                      (task, worker) -> {
                        if (task == 33) {
                          throw new IllegalStateException("task 33");
                        }
                      }))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("task 33");
      everyTaskRunsOnceAndBeforeTheCallReturns(3);
    }
  }

  @Test
  void threadsEndWithClose() throws InterruptedException {
    Workers workers = new Workers(4);
    Thread[] seen = new Thread[4];
    for (int i = 0; i < 1_000; i++) {
      workers.run(16, HEAVY, (task, worker) -> seen[worker] = Thread.currentThread());
    }
    workers.close();
    for (int i = 1; i < 4; i++) {
      if (seen[i] != null) {
        assertThat(seen[i].isDaemon()).isTrue();
        assertThat(seen[i].getName()).isEqualTo("questspark-cpu-" + i);
        seen[i].join(10_000);
        assertThat(seen[i].isAlive()).isFalse();
      }
    }
    assertThatThrownBy(() -> workers.run(1, 1, (task, worker) -> {}))
        .isInstanceOf(IllegalStateException.class);
  }
}
