package dev.questspark.job.cluster;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.stream.Stream;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerExecutorAdded;
import org.apache.spark.scheduler.SparkListenerResourceProfileAdded;
import org.apache.spark.scheduler.SparkListenerStageSubmitted;
import org.apache.spark.scheduler.SparkListenerTaskEnd;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.scheduler.cluster.ExecutorInfo;

/**
 * Which stage ran where and with what, as Spark tells it; named in {@code spark.extraListeners}.
 */
public final class StageEvents extends SparkListener {
  /** A task that Spark has started. */
  record Task(int stage, String executorId) {}

  private static volatile StageEvents latest;

  private final Map<Integer, ResourceProfile> profiles = new HashMap<>();
  private final Map<Integer, Integer> profileOfStage = new HashMap<>();
  private final Map<String, ExecutorInfo> executors = new HashMap<>();
  private final List<Task> tasks = new ArrayList<>();
  private final Map<Integer, Integer> running = new HashMap<>();
  private final Map<Integer, Integer> mostRunning = new HashMap<>();

  /** For Spark. */
  public StageEvents() {
    latest = this;
  }

  static void clear() {
    latest = null;
  }

  /** Of the application that started last; complete when it has ended. */
  static StageEvents latest() {
    return latest;
  }

  @Override
  public synchronized void onResourceProfileAdded(SparkListenerResourceProfileAdded added) {
    profiles.put(added.resourceProfile().id(), added.resourceProfile());
  }

  @Override
  public synchronized void onStageSubmitted(SparkListenerStageSubmitted submitted) {
    profileOfStage.put(submitted.stageInfo().stageId(), submitted.stageInfo().resourceProfileId());
  }

  @Override
  public synchronized void onExecutorAdded(SparkListenerExecutorAdded added) {
    executors.put(added.executorId(), added.executorInfo());
  }

  @Override
  public synchronized void onTaskStart(SparkListenerTaskStart started) {
    tasks.add(new Task(started.stageId(), started.taskInfo().executorId()));
    int now = running.merge(started.stageId(), 1, Integer::sum);
    mostRunning.merge(started.stageId(), now, Math::max);
  }

  @Override
  public synchronized void onTaskEnd(SparkListenerTaskEnd ended) {
    running.merge(ended.stageId(), -1, Integer::sum);
  }

  /** The stage that does not run with the default profile. */
  synchronized int onlyStageWithResources() {
    List<Integer> stages =
        profileOfStage.keySet().stream()
            .filter(
                stage -> profileOfStage.get(stage) != ResourceProfile.DEFAULT_RESOURCE_PROFILE_ID())
            .toList();
    if (stages.size() != 1) {
      throw new AssertionError("profiles of stages: " + profileOfStage);
    }
    return stages.get(0);
  }

  /** What each task of a stage asks for. */
  synchronized Map<String, Double> taskResources(int stage) {
    Map<String, Double> amounts = new HashMap<>();
    profiles
        .get(profileOfStage.get(stage))
        .taskResourcesJMap()
        .forEach((name, request) -> amounts.put(name, request.amount()));
    return amounts;
  }

  synchronized Stream<Task> tasks(IntPredicate stages) {
    return List.copyOf(tasks).stream().filter(task -> stages.test(task.stage));
  }

  /** Most tasks of one stage that ran together. */
  synchronized int mostTasksAtOnce(IntPredicate stages) {
    return mostRunning.keySet().stream()
        .filter(stages::test)
        .mapToInt(mostRunning::get)
        .max()
        .orElse(0);
  }

  /** Addresses of an executor's GPUs. */
  synchronized List<String> gpus(String executorId) {
    var resources = executors.get(executorId).resourcesInfo();
    return resources.contains("gpu") ? List.of(resources.apply("gpu").addresses()) : List.of();
  }

  synchronized int cores(String executorId) {
    return executors.get(executorId).totalCores();
  }
}
