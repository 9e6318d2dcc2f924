package dev.questspark.job.resources;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.options.EngineOptions;
import dev.questspark.job.options.resolve.CommandLineFlags;
import dev.questspark.job.options.resolve.OptionBinder;
import dev.questspark.job.options.resolve.OptionResolver;
import java.util.List;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;

/** What is said before the first task of the memory beside the heap. */
class ExecutorMemoryTest {
  private static final EngineOptions ENGINE =
      OptionBinder.inference(
              OptionResolver.resolve(
                  CommandLineFlags.parse("--model=m", "--dtype=bfloat16"), List.of()))
          .engine();

  private static SparkConf conf(String master, String... settings) {
    SparkConf conf = new SparkConf(false).set("spark.master", master);
    for (int i = 0; i < settings.length; i += 2) {
      conf.set(settings[i], settings[i + 1]);
    }
    return conf;
  }

  @Test
  void tooLittleIsSaidWithTheSettingThatGivesEnough() {
    assertThat(new ExecutorMemory(conf("yarn")).advice(ENGINE, 1L << 30))
        .contains("about 1.5 GiB beside its heap of 1g", "gives 0.4 GiB")
        .endsWith("set --conf spark.executor.memoryOverhead=1536m");
    assertThat(
            new ExecutorMemory(conf("k8s://x", "spark.executor.memory", "8g"))
                .advice(ENGINE, 4L << 30))
        .contains("gives 0.8 GiB")
        .endsWith("set --conf spark.executor.memoryOverhead=4608m");
  }

  @Test
  void enoughAndNoLimitAreSaidToo() {
    assertThat(
            new ExecutorMemory(conf("yarn", "spark.executor.memoryOverhead", "2g"))
                .advice(ENGINE, 1L << 30))
        .endsWith("gives 2.0 GiB, which is enough");
    assertThat(new ExecutorMemory(conf("spark://head:7077")).advice(ENGINE, 0))
        .contains("weights unknown")
        .endsWith("nothing limits it here but the host's memory");
  }
}
