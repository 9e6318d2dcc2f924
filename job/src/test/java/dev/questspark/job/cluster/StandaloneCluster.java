package dev.questspark.job.cluster;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestWatcher;
import scala.util.Properties;

/**
 * A real Spark standalone cluster on this machine: a master and workers in JVMs of their own, from
 * the test's class path, on free ports. Registered as a static JUnit extension it prints its logs
 * when a test fails and ends after the last one; otherwise whoever starts it closes it.
 */
public final class StandaloneCluster implements AutoCloseable, AfterAllCallback, TestWatcher {
  private static final Duration START = Duration.ofMinutes(5);
  private static final Pattern MASTER_STARTED =
      Pattern.compile("Starting Spark master at (spark://\\S+)");
  private static final Pattern REGISTERED = Pattern.compile("Successfully registered with master");
  private static final int TAIL_CHARACTERS = 8_000;

  private final Path folder;
  private final TestProcess master;
  private final String masterUrl;
  private final List<TestProcess> workers = new ArrayList<>();
  private boolean closed;

  /**
   * One worker.
   *
   * @param cores what it offers, whatever the machine has
   * @param memoryMegabytes what it offers
   * @param environment of the worker, inherited by its executors
   * @param properties of the worker's JVM, such as {@code spark.worker.resource.gpu.amount}
   */
  public record Worker(
      int cores,
      int memoryMegabytes,
      Map<String, String> environment,
      Map<String, String> properties) {
    public Worker(int cores, int memoryMegabytes) {
      this(cores, memoryMegabytes, Map.of(), Map.of());
    }

    /**
     * The same worker offering GPUs with the addresses given, without asking any device.
     *
     * @param folder receives the discovery script
     */
    public Worker withGpus(Path folder, String... addresses) {
      try {
        Path script = Files.createTempFile(folder, "gpus", ".sh");
        Files.writeString(
            script,
            "#!/bin/sh\necho '{\"name\": \"gpu\", \"addresses\": [\""
                + String.join("\", \"", addresses)
                + "\"]}'\n");
        if (!script.toFile().setExecutable(true)) {
          throw new IOException("cannot be made executable: " + script);
        }
        Map<String, String> all = new LinkedHashMap<>(properties);
        all.put("spark.worker.resource.gpu.amount", String.valueOf(addresses.length));
        all.put("spark.worker.resource.gpu.discoveryScript", script.toString());
        return new Worker(cores, memoryMegabytes, environment, all);
      } catch (IOException unwritable) {
        throw new UncheckedIOException(unwritable);
      }
    }
  }

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

  /** So many equal workers. */
  public static StandaloneCluster start(int workers, int coresEach, int memoryMegabytesEach) {
    Worker worker = new Worker(coresEach, memoryMegabytesEach);
    return start(Stream.generate(() -> worker).limit(workers).toArray(Worker[]::new));
  }

  /** Starts, and returns when every worker has registered. */
  public static StandaloneCluster start(Worker... workers) {
    try {
      StandaloneCluster cluster =
          new StandaloneCluster(Files.createTempDirectory("standalone-cluster"));
      try {
        for (Worker worker : workers) {
          cluster.add(worker);
        }
        cluster.workers.forEach(worker -> worker.awaitLine(REGISTERED, START));
        return cluster;
      } catch (RuntimeException | Error failed) {
        cluster.close();
        throw failed;
      }
    } catch (IOException unwritable) {
      throw new UncheckedIOException(unwritable);
    }
  }

  private void add(Worker worker) {
    String name = "worker-" + workers.size();
    workers.add(
        daemon(
            name,
            "org.apache.spark.deploy.worker.Worker",
            worker.environment,
            worker.properties,
            "--host",
            "localhost",
            "--port",
            "0",
            "--webui-port",
            "0",
            "--cores",
            String.valueOf(worker.cores),
            "--memory",
            worker.memoryMegabytes + "m",
            "--work-dir",
            folder.resolve(name).toString(),
            masterUrl));
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
   * master, executors of one core on the test's class path. Each call gives a new one.
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
        .set(
            "spark.executor.extraJavaOptions",
            "-Dlog4j2.configurationFile=" + folder.resolve("log4j2.properties"))
        .set("spark.executor.cores", "1")
        .set("spark.executor.memory", "1g");
  }

  /** Executor JVMs that run now, of all workers. */
  public List<ProcessHandle> executors() {
    return workers.stream().flatMap(TestProcess::children).toList();
  }

  /** The logs of the master, the workers and all executors, the end of each. */
  public String logs() {
    try (Stream<Path> files = Files.walk(folder)) {
      StringBuilder all = new StringBuilder();
      for (Path file : files.filter(StandaloneCluster::isLog).sorted().toList()) {
        String text = Files.readString(file);
        all.append("==== ").append(folder.relativize(file)).append('\n');
        all.append(text.substring(Math.max(0, text.length() - TAIL_CHARACTERS))).append('\n');
      }
      return all.toString();
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
  }

  private static boolean isLog(Path file) {
    String name = file.getFileName().toString();
    return Files.isRegularFile(file)
        && (name.endsWith(".log") || name.equals("stderr") || name.equals("stdout"));
  }

  @Override
  public void testFailed(ExtensionContext test, Throwable failure) {
    System.err.println("cluster of " + test.getDisplayName() + "\n" + logs());
  }

  @Override
  public void afterAll(ExtensionContext tests) {
    close();
  }

  /** Kills every process. The logs stay in the temporary folder. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      master.close(); // first, or it would replace the executors of the first worker that goes
      workers.forEach(TestProcess::close);
    }
  }
}
