package dev.questspark.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.pages.PagePool;
import dev.questspark.engine.reader.Readers;
import dev.questspark.engine.schedule.Scheduler;
import dev.questspark.engine.schedule.SchedulerLimits;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class EngineLoopTest {
  private static final int TRIES = 20_000;
  private static final long PATIENCE_MILLIS = 10_000;

  /** However closing falls together with the loop's first look at its inbox. */
  @Test
  void endsWhenClosed() throws InterruptedException {
    EngineConfig config = EngineConfig.of(Path.of("model"));
    for (int i = 0; i < TRIES; i++) {
      Scheduler scheduler = new Scheduler(new SchedulerLimits(16, 1, 16, true), new PagePool(4));
      Readings readings = new Readings(Readers.NONE, config, 64, () -> 0, null);
      EngineLoop loop = new EngineLoop(scheduler, readings, null, null, null, null);
      Thread thread = new Thread(loop, "loop-" + i);
      thread.setDaemon(true);
      thread.start();
      for (int spin = 0; spin < i % 200 * 10; spin++) {
        Thread.onSpinWait();
      }
      loop.close();
      thread.join(PATIENCE_MILLIS);
      assertThat(thread.isAlive()).as("try %d still runs", i).isFalse();
    }
  }
}
