package dev.questspark.job.executor;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

/** What Spark says of a lost executor, and what follows from it. */
class ExecutorDeathTest {
  private static ExecutorDeath death(String reason) {
    return new ExecutorDeath(reason);
  }

  @Test
  void aProcessThatEndsItselfIsToldFromOneThatIsEnded() {
    assertThat(death("Command exited with code 134").byItself()).isTrue();
    assertThat(death("Command exited with code 139").byItself()).isTrue();
    assertThat(death("Command exited with code 52").byItself()).isTrue();
    assertThat(
            death(
                    "Container killed by YARN for exceeding physical memory limits. 1.5 GB of 1.4 GB"
                        + " physical memory used. Consider boosting spark.executor.memoryOverhead.")
                .byItself())
        .isTrue();
    assertThat(
            death(
                    "The executor with id 2 exited with exit code 137(SIGKILL, possible container OOM).")
                .byItself())
        .isTrue();
    assertThat(
            death(
                    "Container from a bad node: container_1 on host: n1. Exit status: 134. Diagnostics")
                .byItself())
        .isTrue();

    assertThat(death("Command exited with code 137").byItself())
        .as("a kill from outside")
        .isFalse();
    assertThat(death("Command exited with code 143").byItself()).isFalse();
    assertThat(death("Command exited with code 20").byItself()).as("a lost device").isFalse();
    assertThat(death("worker lost").byItself()).isFalse();
    assertThat(death("Executor heartbeat timed out after 134000 ms").byItself()).isFalse();
  }

  @Test
  void adviceNamesTheSettingAndItsValue() {
    assertThat(death("Command exited with code 52").advice("1g", "384m"))
        .hasValueSatisfying(
            text -> assertThat(text).contains("spark.executor.memory, which is 1g"));
    for (int code : new int[] {134, 137}) {
      assertThat(death("Command exited with code " + code).advice("1g", "384m"))
          .hasValueSatisfying(
              text -> assertThat(text).contains("spark.executor.memoryOverhead, which is 384m"));
    }
    assertThat(death("Command exited with code 143").advice("1g", "384m")).isEmpty();
    assertThat(death("worker lost").advice("1g", "384m")).isEmpty();
  }

  @Test
  void whatWasAskedForIsNoLoss() {
    assertThat(death("Executor killed by driver.").intended()).isTrue();
    assertThat(death("Command exited with code 134").intended()).isFalse();
  }

  /** A worker of 64 cores with 8 executors must not run 512 threads. */
  @Test
  void anExecutorsCoresAreThoseThatSparkCounts() {
    for (String backend :
        new String[] {
          "org.apache.spark.executor.CoarseGrainedExecutorBackend",
          "org.apache.spark.executor.YarnCoarseGrainedExecutorBackend",
          "org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend"
        }) {
      assertThat(
              ExecutorCores.in(
                  backend
                      + " --driver-url spark://s@h:1 --executor-id 0 --hostname h --cores 3 --app-id a"))
          .isEqualTo(OptionalInt.of(3));
    }
    assertThat(ExecutorCores.in("org.apache.spark.deploy.SparkSubmit --cores 7 job.jar")).isEmpty();
    assertThat(ExecutorCores.ofThisProcess()).isEqualTo(Runtime.getRuntime().availableProcessors());
  }
}
