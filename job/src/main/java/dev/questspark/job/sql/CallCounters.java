package dev.questspark.job.sql;

import dev.questspark.engine.Completion;
import dev.questspark.job.answer.Answer;
import java.io.Serializable;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.execution.metric.SQLMetric;
import org.apache.spark.sql.execution.metric.SQLMetrics;
import scala.jdk.javaapi.CollectionConverters;

/**
 * What tasks count, as the SQL metrics of the plan node in Spark's UI.
 *
 * @param answers answers that left the engine, those with an error included
 * @param errors answers with an error
 * @param unfinishedReasoning answers that are nothing but thinking
 * @param generatedTokens tokens of the answers
 * @param computedTokens prompt tokens computed, those shared between questions once
 */
record CallCounters(
    SQLMetric answers,
    SQLMetric errors,
    SQLMetric unfinishedReasoning,
    SQLMetric generatedTokens,
    SQLMetric computedTokens)
    implements Serializable {

  static CallCounters of(SparkContext spark) {
    return new CallCounters(
        SQLMetrics.createMetric(spark, "answers"),
        SQLMetrics.createMetric(spark, "errors"),
        SQLMetrics.createMetric(spark, "answers that end inside their thinking"),
        SQLMetrics.createMetric(spark, "generated tokens"),
        SQLMetrics.createMetric(spark, "computed prompt tokens"));
  }

  scala.collection.immutable.Map<String, SQLMetric> metrics() {
    Map<String, SQLMetric> byKey = new LinkedHashMap<>();
    byKey.put("answers", answers);
    byKey.put("errors", errors);
    byKey.put("unfinishedReasoning", unfinishedReasoning);
    byKey.put("generatedTokens", generatedTokens);
    byKey.put("computedTokens", computedTokens);
    return scala.collection.immutable.Map.from(CollectionConverters.asScala(byKey));
  }

  void count(Answer answer) {
    answers.add(1);
    if (answer.outcome().isEmpty()) {
      errors.add(1);
      return;
    }
    unfinishedReasoning.add(answer.outcome().get().reasoning().finished() ? 0 : 1);
    Completion.Usage usage = answer.outcome().get().usage();
    generatedTokens.add(usage.completionTokens());
    computedTokens.add(usage.computedTokens());
  }
}
