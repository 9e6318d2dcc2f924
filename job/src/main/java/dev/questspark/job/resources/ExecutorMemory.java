package dev.questspark.job.resources;

import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.job.options.EngineOptions;
import java.util.Locale;
import org.apache.spark.SparkConf;
import org.apache.spark.network.util.JavaUtils;

/**
 * What an executor needs beside its heap, and what it is given. An estimate, made before anything
 * is opened: packed weights, and what a JVM, the tokenizer and the workspaces take.
 */
public final class ExecutorMemory {
  private static final String OVERHEAD = "spark.executor.memoryOverhead";
  private static final String FACTOR = "spark.executor.memoryOverheadFactor";

  /** Metaspace, compiled code, stacks and buffers of a JVM with the demo model took 134 MiB. */
  private static final long BESIDE_WEIGHTS_MIB = 512;

  private static final long LEAST_OVERHEAD_MIB = 384;
  private static final double DEFAULT_FACTOR = 0.1;
  private static final double MIB_PER_GIB = 1024;

  private final SparkConf conf;

  public ExecutorMemory(SparkConf conf) {
    this.conf = conf;
  }

  /** Heap, as the conf has it. */
  public String heap() {
    return conf.get("spark.executor.memory", "1g");
  }

  /** Memory beside the heap in MiB: as given, or as Spark computes it. */
  public long overheadMib() {
    if (conf.contains(OVERHEAD)) {
      return JavaUtils.byteStringAsMb(conf.get(OVERHEAD));
    }
    return Math.max(
        LEAST_OVERHEAD_MIB,
        (long) (conf.getDouble(FACTOR, DEFAULT_FACTOR) * JavaUtils.byteStringAsMb(heap())));
  }

  /**
   * One line for the console.
   *
   * @param weightFileBytes of the model's files; 0 when this machine does not see them
   */
  public String advice(EngineOptions engine, long weightFileBytes) {
    boolean cpu = engine.device().equals("cpu");
    // A CPU keeps the weights packed, in the type it computes with; a GPU's pass through host
    // memory.
    int factor = engine.types().compute() == ComputeDType.BFLOAT16 ? 1 : 2;
    long weights = (cpu ? weightFileBytes * factor : weightFileBytes) >> 20;
    long needed = weights + BESIDE_WEIGHTS_MIB;
    long given = overheadMib();
    return "memory: an executor needs about %s beside its heap of %s (weights %s, JVM, tokenizer and buffers %s); %s"
        .formatted(
            shown(needed),
            heap(),
            weightFileBytes == 0 ? "unknown" : shown(weights),
            shown(BESIDE_WEIGHTS_MIB),
            limited()
                ? OVERHEAD
                    + " gives "
                    + shown(given)
                    + (given < needed
                        ? ": set --conf " + OVERHEAD + "=" + needed + "m"
                        : ", which is enough")
                : "nothing limits it here but the host's memory");
  }

  /** YARN and Kubernetes end a container that takes more. */
  private boolean limited() {
    String master = conf.get("spark.master", "");
    return master.startsWith("yarn") || master.startsWith("k8s");
  }

  private static String shown(long mib) {
    return String.format(Locale.ROOT, "%.1f GiB", mib / MIB_PER_GIB);
  }
}
