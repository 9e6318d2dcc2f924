package dev.questspark.job.sql.call;

import dev.questspark.job.options.resolve.QueryOptions;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.internal.SQLConf;
import org.apache.spark.sql.internal.SQLConf$;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;

/**
 * The options of a session. Spark captures settings that it knows with a view, a cached table or an
 * SQL function, so that they hold there after the session has changed its own; it is told of ours.
 */
public final class SessionSettings {
  private SessionSettings() {}

  /** Makes Spark know every option of a query by all its names; once per JVM. */
  public static synchronized void register() {
    for (Map.Entry<String, String> key : QueryOptions.sparkKeys().entrySet()) {
      if (!SQLConf$.MODULE$.containsConfigKey(key.getKey())) {
        SQLConf$.MODULE$.buildConf(key.getKey()).doc(key.getValue()).stringConf().createOptional();
      }
    }
  }

  /**
   * What holds where Spark is analysing: in a view what was captured with it, then the session's.
   */
  static Map<String, String> here() {
    Option<SparkSession> active = SparkSession.getActiveSession();
    Map<String, String> captured = all(SQLConf.get());
    if (active.isEmpty()) {
      return captured;
    }
    Map<String, String> here = new LinkedHashMap<>(all(active.get().sessionState().conf()));
    Set<String> given = new HashSet<>();
    captured.keySet().forEach(key -> QueryOptions.ofSparkKey(key).ifPresent(given::add));
    here.keySet().removeIf(key -> QueryOptions.ofSparkKey(key).filter(given::contains).isPresent());
    here.putAll(captured);
    return here;
  }

  public static Map<String, String> all(SQLConf conf) {
    return CollectionConverters.asJava(conf.getAllConfs());
  }
}
