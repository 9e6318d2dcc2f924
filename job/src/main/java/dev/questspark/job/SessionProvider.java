package dev.questspark.job;

import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/** Where a run gets its Spark session, and what becomes of the session after the run. */
interface SessionProvider {
  /** A session of the run's own, stopped at its end: what {@code spark-submit} starts. */
  SessionProvider OWN =
      new SessionProvider() {
        @Override
        public SparkSession open(SparkConf conf) {
          return SparkSession.builder().config(conf).getOrCreate();
        }

        @Override
        public void close(SparkSession spark) {
          spark.stop();
        }
      };

  /**
   * The session for one run.
   *
   * @param conf what the run asks of Spark; a session that others use keeps its own
   */
  SparkSession open(SparkConf conf);

  /** Called when the run has ended, however it ended. */
  void close(SparkSession spark);
}
