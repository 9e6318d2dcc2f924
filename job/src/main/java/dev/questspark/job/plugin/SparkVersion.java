package dev.questspark.job.plugin;

import dev.questspark.engine.failure.ConfigException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import org.apache.spark.package$;
import scala.util.Properties$;

/**
 * A Spark as compiled classes see it. The sources are the same for every Spark that there is a
 * build for; what javac makes of them is not, because Spark moved methods between its classes: a
 * jar runs on the minor version that it was built for, and on no other.
 *
 * @param spark such as 4.1.3
 * @param scala such as 2.13
 */
public record SparkVersion(String spark, String scala) {
  private static final String BUILT = "spark.properties";

  /**
   * To be called before anything else of Spark.
   *
   * @throws ConfigException if this jar was built for another Spark than the one it runs on
   */
  public static void check() {
    built().mustFit(running());
  }

  /** As the build wrote it down. */
  static SparkVersion built() {
    Properties built = new Properties();
    try (InputStream file = SparkVersion.class.getResourceAsStream(BUILT)) {
      built.load(file);
    } catch (IOException unreadable) {
      throw new UncheckedIOException(unreadable);
    }
    return new SparkVersion(built.getProperty("spark"), built.getProperty("scala"));
  }

  static SparkVersion running() {
    return new SparkVersion(
        package$.MODULE$.SPARK_VERSION(), minor(Properties$.MODULE$.versionNumberString()));
  }

  /**
   * @throws ConfigException unless both are of one minor version
   */
  void mustFit(SparkVersion running) {
    if (!scala.equals(running.scala)) {
      throw new ConfigException(
          "This jar was built for Scala %s, this is Spark %s with Scala %s; use a Spark built with Scala %s."
              .formatted(scala, running.spark, running.scala, scala));
    }
    String line = minor(running.spark);
    if (!minor(spark).equals(line)) {
      throw new ConfigException(
          "This jar was built for Spark %s, this is Spark %s; %s%s."
              .formatted(
                  minor(spark),
                  running.spark,
                  switch (line) {
                    case "4.1" -> artifact(line) + " fits (./mvnw package)";
                    case "3.5", "4.2" ->
                        artifact(line) + " fits (./mvnw package -P spark-" + line + ")";
                    default -> "there are builds for Spark 3.5, 4.1 and 4.2";
                  },
                  onPyPi() ? ", or pip install \"pyspark==" + minor(spark) + ".*\"" : ""));
    }
  }

  /** Whether PyPI has a PySpark that this jar runs on: its Spark 3 is of Scala 2.12 alone. */
  private boolean onPyPi() {
    return !spark.startsWith("3.");
  }

  /** As the jar for a Spark is named where it is published. */
  private String artifact(String line) {
    return "questspark-spark-" + line + "_" + scala;
  }

  private static String minor(String version) {
    String[] parts = version.split("\\.");
    return parts.length < 2 ? version : parts[0] + "." + parts[1];
  }
}
