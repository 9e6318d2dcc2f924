package dev.questspark.job.options;

import java.io.Serializable;
import java.util.Optional;
import java.util.stream.Stream;

/** What {@link dev.questspark.job.options.keys.StageKeys} say. */
public record StageOptions(
    Amount taskGpus,
    Amount taskCpus,
    Amount executorGpus,
    Amount executorCores,
    Amount executorMemory)
    implements Serializable {

  /**
   * An amount of a resource.
   *
   * @param name of the option
   * @param text as given
   * @param value 0 when nobody asks for it; memory in bytes
   */
  public record Amount(String name, String text, double value) implements Serializable {
    /** Whether the stage asks for it. */
    public boolean given() {
      return value > 0;
    }

    /** The value, or another when nobody asks for it. */
    public double or(double other) {
      return given() ? value : other;
    }

    /** The value of a resource that is counted, or another when nobody asks for it. */
    public int or(int other) {
      return given() ? (int) value : other;
    }
  }

  /** A stage that asks for nothing of its own. */
  public static final StageOptions AS_SPARK_HAS_THEM = none();

  /** The first resource that the stage asks for; none when it runs on what Spark gives all. */
  public Optional<Amount> first() {
    return Stream.concat(Stream.of(taskGpus, taskCpus), ofExecutors())
        .filter(Amount::given)
        .findFirst();
  }

  /** What only executors of its own can have. */
  public Stream<Amount> ofExecutors() {
    return Stream.of(executorGpus, executorCores, executorMemory);
  }

  private static StageOptions none() {
    Amount none = new Amount("", "", 0);
    return new StageOptions(none, none, none, none, none);
  }
}
