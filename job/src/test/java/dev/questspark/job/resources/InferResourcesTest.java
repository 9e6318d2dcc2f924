package dev.questspark.job.resources;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.resolve.CommandLineFlags;
import dev.questspark.job.options.resolve.OptionBinder;
import dev.questspark.job.options.resolve.OptionResolver;
import java.util.List;
import org.apache.spark.SparkConf;
import org.apache.spark.package$;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What Spark would refuse late, ignore, or wait for without end, is refused before it starts. */
class InferResourcesTest {
  private static final String GPUS = "spark.executor.resource.gpu.amount=1";
  private static final String DYNAMIC = "spark.dynamicAllocation.enabled=true";

  /**
   * @param settings of Spark, separated by blanks
   * @param flags the same
   */
  private static void check(String settings, String flags) {
    SparkConf conf = new SparkConf(false).set("spark.master", "spark://head:7077");
    for (String setting : settings.split(" ")) {
      String[] parts = setting.split("=", 2);
      if (parts.length == 2) {
        conf.set(parts[0], parts[1]);
      }
    }
    String[] args = flags.isEmpty() ? new String[0] : flags.split(" ");
    InferResources.check(
        OptionBinder.inference(OptionResolver.resolve(CommandLineFlags.parse(args), List.of())),
        conf);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "spark.master=local[4] | --infer-task-cpus=2 | infer_task_cpus is 2, but spark.master is local[4]",
        "spark.master=local | --infer-executor-cores=2 | infer_executor_cores is 2, but spark.master is local",
        "spark.a=b | --infer-executor-memory=16g | infer_executor_memory is 16g, but spark.dynamicAllocation.enabled is not true",
        "spark.a=b | --infer-task-gpus=1 | infer_task_gpus is 1, but backend is cpu",
        "spark.a=b | --infer-task-gpus=1 --backend=cuda:1 | infer_task_gpus is 1, but backend is cuda:1",
        "spark.a=b | --infer-task-gpus=1 --backend=cuda | infer_task_gpus is 1, but an executor of the stage has 0 GPUs",
        GPUS
            + " | --infer-task-gpus=2 --backend=cuda | the stage has 1 GPUs; set spark.executor.resource.gpu.amount.",
        DYNAMIC + " | --infer-task-gpus=1 --backend=cuda | or give --infer-executor-gpus.",
        "spark.executor.cores=2 | --infer-task-cpus=3 | infer_task_cpus is 3, but an executor of the stage has 2 cores",
        GPUS + " | --backend=cuda | no task asks for a GPU",
        GPUS
            + " | --infer-task-gpus=0.7 --backend=cuda | must be 0, at most 0.5, or a whole number",
      })
  void refused(String settings, String flags, String sentence) {
    assertThatThrownBy(() -> check(settings, flags))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(sentence);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "spark.a=b | --backend=cuda",
        "spark.master=local[4] " + GPUS + " | --backend=cuda",
        GPUS + " spark.task.resource.gpu.amount=0.125 | --backend=cuda",
        GPUS + " | --infer-task-gpus=1 --backend=cuda",
        GPUS + " | --infer-task-cpus=1 --backend=cuda",
        DYNAMIC + " | --infer-task-gpus=0.25 --infer-executor-gpus=1 --backend=cuda",
        DYNAMIC + " | --infer-executor-cores=8 --infer-task-cpus=8",
      })
  void taken(String settings, String flags) {
    assertThatCode(() -> check(settings, flags)).doesNotThrowAnyException();
  }

  @Test
  void spark35DividesAGpuOnceForAllStages() {
    if (package$.MODULE$.SPARK_VERSION().startsWith("3.5")) {
      assertThatThrownBy(() -> check(GPUS, "--infer-task-gpus=0.25 --backend=cuda"))
          .hasMessageContaining("on Spark 3.5 a GPU has as many tasks as");
    } else {
      assertThatCode(() -> check(GPUS, "--infer-task-gpus=0.25 --backend=cuda"))
          .doesNotThrowAnyException();
    }
  }
}
