package dev.questspark.job;

import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/** One real Spark for all tests of the JVM, with the job's own settings. */
public final class TestSpark {
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

  /** The session; never stopped by a test. */
  public static SparkSession session() {
    return SparkSession.builder().config(SparkSettings.of(conf())).getOrCreate();
  }
}
