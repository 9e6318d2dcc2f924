package dev.questspark.job;

import dev.questspark.job.plugin.QuestSparkPlugin;
import org.apache.spark.SparkConf;

/** What the job asks of Spark, regardless of the cluster's defaults. */
public final class SparkSettings {
  private static final String PROMETHEUS = "spark.metrics.conf.*.sink.prometheusServlet.";

  private SparkSettings() {}

  static SparkConf of(SparkConf submitted) {
    SparkConf conf = submitted.clone();
    QuestSparkPlugin.addTo(conf);
    return conf.setIfMissing("spark.master", "local[*]")
        .setIfMissing("spark.app.name", "Quest on Spark")
        .set("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
        .set("spark.kryo.registrationRequired", "true")
        .set("spark.kryo.registrator", QuestKryoRegistrator.class.getName())
        // INT96 has no unit that every reader agrees on
        .set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
        .set("spark.sql.session.timeZone", "UTC")
        // counters travel with heartbeats, and the progress line lives on them
        .setIfMissing("spark.executor.heartbeatInterval", "2s")
        .set("spark.ui.showConsoleProgress", "false")
        // on Spark 3.5 the endpoint of all metrics, ours among them, is off
        .setIfMissing(PROMETHEUS + "class", "org.apache.spark.metrics.sink.PrometheusServlet")
        .setIfMissing(PROMETHEUS + "path", "/metrics/prometheus")
        // wide rows in plans are nothing to warn of
        .setIfMissing("spark.sql.debug.maxToStringFields", "200")
        // an executor that is lost fails its tasks, which have committed what they had answered; a
        // partition may hold several documents that end executors
        .setIfMissing("spark.task.maxFailures", "32")
        // each lost executor takes shuffled documents along, and so repeats the stage that lasts
        // all
        // night; Spark's four times would end it at the fourth
        .setIfMissing("spark.stage.maxConsecutiveAttempts", "100")
        // a document that ends executors is left out after two; a hundred such ones are no fault of
        // YARN's or Kubernetes' nodes
        .setIfMissing("spark.executor.maxNumFailures", "200")
        // a second copy of a task would do the same work on the same engine
        .setIfMissing("spark.speculation", "false")
        // the survey's shuffles are small
        .setIfMissing("spark.sql.shuffle.partitions", "8");
  }
}
