package dev.questspark.job;

import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/**
 * One real Spark for all tests of a JVM that need no Spark of their own, with the job's settings.
 */
public final class TestSpark {
  private static SparkSession shared;

  /** Runs on the shared session and leaves it as it is. */
  static final SessionProvider SHARED =
      new SessionProvider() {
        @Override
        public SparkSession open(SparkConf conf) {
          return session();
        }

        @Override
        public void close(SparkSession spark) {
          // The next test goes on with it.
        }
      };

  private TestSpark() {}

  /** Two cores; no UI; the rest as in production. */
  public static SparkConf conf() {
    return new SparkConf()
        .set("spark.master", "local[2]")
        .set("spark.ui.enabled", "false")
        .set("spark.sql.extensions", "dev.questspark.job.sql.QuestSparkExtensions")
        .set("spark.driver.host", "localhost")
        .set("spark.sql.warehouse.dir", System.getProperty("java.io.tmpdir") + "/warehouse");
  }

  /** The shared session, started when there is none. */
  public static synchronized SparkSession session() {
    refuseInQuickLane();
    if (shared == null || shared.sparkContext().isStopped()) {
      shared = SparkSession.builder().config(SparkSettings.of(conf())).getOrCreate();
    }
    return shared;
  }

  /** Makes room for a test's own Spark: a JVM has one at a time. */
  static synchronized void stop() {
    refuseInQuickLane();
    if (shared != null) {
      shared.stop();
      shared = null;
    }
  }

  /** Spark's start would take most of the quick lane's time. */
  private static void refuseInQuickLane() {
    if ("quick".equals(System.getProperty("questspark.lane"))) {
      throw new IllegalStateException(
          "a test class that starts Spark has a lane of its own: annotate it with @Tag(\"spark\")");
    }
  }
}
