package dev.questspark.job.cluster;

import dev.questspark.job.JobHarness;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestWatcher;
import scala.util.Properties;

/**
 * A real Spark standalone cluster on this machine: a master and two workers in JVMs of their own,
 * from the test's class path, on free ports. One for all test classes of a JVM: it starts with the
 * first that asks for it and ends with the JVM. Registered as a static JUnit extension it prints
 * its logs when a test fails.
 *
 * <p>Each worker has eight cores, 4 GiB for executors, and two GPUs of the test driver: 0 and 1, 2
 * and 3. Cores and GPUs are what Spark counts, whatever the machine has.
 */
public final class StandaloneCluster implements TestWatcher {
  private static final Duration START = Duration.ofMinutes(5);
  private static final Pattern MASTER_STARTED =
      Pattern.compile("Starting Spark master at (spark://\\S+)");
  private static final Pattern REGISTERED = Pattern.compile("Successfully registered with master");
  private static final int TAIL_CHARACTERS = 8_000;
  private static final int WORKERS = 2;
  private static final int GPUS_OF_A_WORKER = 2;

  private static StandaloneCluster shared;

  private final Path folder;
  private final TestProcess master;
  private final String masterUrl;
  private final List<TestProcess> workers = new ArrayList<>();

  /** Logs that ended before are those of earlier test classes. */
  private volatile Instant logsSince = Instant.EPOCH;

  private StandaloneCluster(Path folder) throws IOException {
    this.folder = folder;
    // Spark takes a folder with jars/ in it for its home; executors get the test's class path.
    Files.createDirectories(folder.resolve("jars"));
    Files.writeString(
        folder.resolve("log4j2.properties"),
        """
        status = error
        appender.console.type = Console
        appender.console.name = console
        appender.console.target = SYSTEM_ERR
        appender.console.layout.type = PatternLayout
        appender.console.layout.pattern = %d{HH:mm:ss} %-5p %c{1} %m%n%ex
        rootLogger.level = warn
        rootLogger.appenderRef.console.ref = console
        logger.questspark.name = dev.questspark
        logger.questspark.level = info
        logger.deploy.name = org.apache.spark.deploy
        logger.deploy.level = info
        """);
    this.master =
        daemon(
            "master",
            "org.apache.spark.deploy.master.Master",
            Map.of(),
            Map.of(),
            "--host",
            "localhost",
            "--port",
            "0",
            "--webui-port",
            "0");
    this.masterUrl = master.awaitLine(MASTER_STARTED, START);
  }

  /** The cluster of this JVM, all workers registered. */
  public static synchronized StandaloneCluster shared() {
    if (shared == null) {
      shared = start();
    }
    shared.logsSince = Instant.now();
    return shared;
  }

  private static StandaloneCluster start() {
    try {
      StandaloneCluster cluster =
          new StandaloneCluster(Files.createTempDirectory("standalone-cluster"));
      Runtime.getRuntime().addShutdownHook(new Thread(cluster::kill, "standalone-cluster-end"));
      for (int worker = 0; worker < WORKERS; worker++) {
        cluster.addWorker();
      }
      cluster.workers.forEach(worker -> worker.awaitLine(REGISTERED, START));
      return cluster;
    } catch (IOException unwritable) {
      throw new UncheckedIOException(unwritable);
    }
  }

  private void addWorker() throws IOException {
    String name = "worker-" + workers.size();
    int gpu = workers.size() * GPUS_OF_A_WORKER;
    workers.add(
        daemon(
            name,
            "org.apache.spark.deploy.worker.Worker",
            Map.of(
                "LD_LIBRARY_PATH",
                JobHarness.testDriver(),
                "QUEST_TESTDRIVER_DEVICES",
                String.valueOf(WORKERS * GPUS_OF_A_WORKER)),
            Map.of(
                "spark.worker.resource.gpu.amount",
                String.valueOf(GPUS_OF_A_WORKER),
                "spark.worker.resource.gpu.discoveryScript",
                discoveryScript(name, gpu, gpu + 1).toString()),
            "--host",
            "localhost",
            "--port",
            "0",
            "--webui-port",
            "0",
            "--cores",
            "8",
            "--memory",
            "4096m",
            "--work-dir",
            folder.resolve(name).toString(),
            masterUrl));
  }

  /** Tells a worker its GPUs without asking any device. */
  private Path discoveryScript(String worker, int first, int second) throws IOException {
    Path script = folder.resolve(worker + "-gpus.sh");
    Files.writeString(
        script,
        "#!/bin/sh\necho '{\"name\": \"gpu\", \"addresses\": [\"%d\", \"%d\"]}'\n"
            .formatted(first, second));
    if (!script.toFile().setExecutable(true)) {
      throw new IOException("cannot be made executable: " + script);
    }
    return script;
  }

  private TestProcess daemon(
      String name,
      String mainClass,
      Map<String, String> environment,
      Map<String, String> properties,
      String... args) {
    List<String> options =
        new ArrayList<>(
            List.of(
                "-Xmx256m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dspark.master.rest.enabled=false",
                "-Dlog4j2.configurationFile=" + folder.resolve("log4j2.properties")));
    properties.forEach((key, value) -> options.add("-D" + key + "=" + value));
    Map<String, String> all = new LinkedHashMap<>();
    all.put("SPARK_HOME", folder.toString());
    all.put("SPARK_SCALA_VERSION", Properties.versionNumberString());
    all.put("SPARK_LOCAL_HOSTNAME", "localhost");
    all.put("SPARK_LOCAL_DIRS", folder.resolve("local").toString());
    all.putAll(environment);
    return TestProcess.start(mainClass, options, all, folder.resolve(name + ".log"), args);
  }

  public String masterUrl() {
    return masterUrl;
  }

  /**
   * What a driver needs to run here, in this JVM or, as {@code -D} properties, in another: the
   * master, two executors of one core on the test's class path. Each call gives a new one.
   */
  public SparkConf conf() {
    return new SparkConf()
        .set("spark.master", masterUrl)
        .set("spark.ui.enabled", "false")
        .set("spark.driver.host", "localhost")
        .set("spark.driver.bindAddress", "127.0.0.1")
        .set("spark.sql.extensions", "dev.questspark.job.sql.QuestSparkExtensions")
        .set("spark.sql.warehouse.dir", folder.resolve("warehouse").toString())
        .set("spark.executor.extraClassPath", System.getProperty("java.class.path"))
        .set("spark.executor.extraJavaOptions", executorOptions())
        .set("spark.executor.cores", "1")
        .set("spark.cores.max", "2")
        .set("spark.executor.memory", "1g");
  }

  private String executorOptions() {
    return "-XX:+UseSerialGC -Dlog4j2.configurationFile=" + folder.resolve("log4j2.properties");
  }

  /**
   * The same for executors that compute with CUDA. Their Java does little, so that optimising it
   * costs a third of such an executor's processor time and gains nothing.
   */
  public SparkConf cudaConf() {
    return conf()
        .set("spark.executor.extraJavaOptions", executorOptions() + " -XX:TieredStopAtLevel=1");
  }

  /** Executor JVMs that run now, of all workers. */
  public List<ProcessHandle> executors() {
    return workers.stream().flatMap(TestProcess::children).toList();
  }

  /** The end of each log that the master, a worker or an executor has written for this class. */
  public String logs() {
    try (Stream<Path> files = Files.walk(folder)) {
      StringBuilder all = new StringBuilder();
      for (Path file : files.filter(this::isCurrentLog).sorted().toList()) {
        String text = Files.readString(file);
        all.append("==== ").append(folder.relativize(file)).append('\n');
        all.append(text.substring(Math.max(0, text.length() - TAIL_CHARACTERS))).append('\n');
      }
      return all.toString();
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  private boolean isCurrentLog(Path file) {
    String name = file.getFileName().toString();
    return Files.isRegularFile(file)
        && (name.endsWith(".log") || name.equals("stderr") || name.equals("stdout"))
        && !Instant.ofEpochMilli(file.toFile().lastModified()).isBefore(logsSince);
  }

  @Override
  public void testFailed(ExtensionContext test, Throwable failure) {
    System.err.println("cluster of " + test.getDisplayName() + "\n" + logs());
  }

  /** Kills every process. The logs stay in the temporary folder. */
  private void kill() {
    master.close(); // first, or it would replace the executors of the first worker that goes
    workers.forEach(TestProcess::close);
  }
}
