package dev.questspark.job.infer;

import dev.questspark.engine.Completion;
import dev.questspark.job.answer.Answer;
import dev.questspark.job.executor.EngineReports;
import java.io.Serial;
import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import org.apache.spark.SparkContext;
import org.apache.spark.util.LongAccumulator;

/**
 * What tasks count while they run, as Spark accumulators: shown on the stage's page in Spark's UI,
 * kept in its event log, and read by the progress line.
 *
 * @param documents whose rows are all answered, or are error rows
 * @param rows answer rows, error rows included
 * @param errors error rows
 * @param generatedTokens tokens of the answers
 * @param computedTokens prompt tokens computed, those shared between questions once
 * @param found rows that earlier runs had finished; known before the first task
 * @param kept rows that a lost attempt at a task had committed, and that its next attempt left
 *     alone
 */
public record RunCounters(
    LongAccumulator documents,
    LongAccumulator rows,
    LongAccumulator errors,
    LongAccumulator generatedTokens,
    LongAccumulator computedTokens,
    LongAccumulator found,
    LongAccumulator kept,
    EngineReports engines)
    implements Serializable {
  @Serial private static final long serialVersionUID = 1L;

  /** Registers the accumulators under the names the UI shows. */
  public static RunCounters register(SparkContext spark) {
    EngineReports engines = new EngineReports();
    spark.register(engines, "engine reports");
    return new RunCounters(
        spark.longAccumulator("documents"),
        spark.longAccumulator("answer rows"),
        spark.longAccumulator("error rows"),
        spark.longAccumulator("generated tokens"),
        spark.longAccumulator("computed prompt tokens"),
        spark.longAccumulator("rows found finished"),
        spark.longAccumulator("rows kept of lost tasks"),
        engines);
  }

  /** The accumulators of the progress line. */
  public List<LongAccumulator> shown() {
    return List.of(documents, rows, errors, generatedTokens, computedTokens);
  }

  /** Documents and their rows that an earlier attempt at the task has committed. */
  public void keep(int committedDocuments, int committedRows) {
    documents.add(committedDocuments);
    rows.add(committedRows);
    kept.add(committedRows);
  }

  void count(Answer answer) {
    rows.add(1);
    Optional<Completion.Usage> usage = answer.outcome().map(Answer.Outcome::usage);
    if (usage.isEmpty()) {
      errors.add(1);
    } else {
      generatedTokens.add(usage.get().completionTokens());
      computedTokens.add(usage.get().computedTokens());
    }
  }
}
