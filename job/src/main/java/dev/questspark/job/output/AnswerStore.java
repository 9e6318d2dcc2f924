package dev.questspark.job.output;

import java.io.IOException;
import java.io.Serializable;
import java.util.List;
import java.util.Set;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Where answers are kept: rows of {@link AnswerSchema}, committed in batches by the tasks of a run
 * and found again by later runs.
 *
 * <p>The contract that a run relies on: run, partition and number of a batch name its rows,
 * whichever attempt at the task commits them. A batch is in the store as a whole or not at all, and
 * once, however many attempts commit it. Readers see committed batches alone. After {@link #fence}
 * a run commits nothing more. {@link OutputFolder#lock} keeps two runs apart.
 */
public interface AnswerStore {
  /** The answers of one run; travels to its tasks. */
  interface Run extends Serializable {
    /**
     * @param attempt tells apart all attempts of the application
     * @throws IOException when the store cannot be reached
     */
    Task task(int partition, long attempt) throws IOException;
  }

  /** The answers of one attempt at a task. */
  interface Task {
    /** Whether an attempt at this partition has committed the batch. */
    boolean has(int batch) throws IOException;

    /**
     * Commits a batch, unless another attempt is faster.
     *
     * @param rows of {@link AnswerSchema}, of whole documents
     * @throws IOException when it cannot be written, or another run has taken the output over
     */
    void commit(int batch, List<Row> rows) throws IOException;
  }

  /** Where it is, as the console shows it. */
  String place();

  /** Whether it has any answers. */
  boolean hasAnswers();

  /** Names of the columns as they are stored, by this version or another; it has answers. */
  List<String> columns(SparkSession spark);

  /** All committed rows of all runs, columns of {@link AnswerSchema}. */
  Dataset<Row> read(SparkSession spark);

  /** Deletes all answers. */
  void clear() throws IOException;

  /** Makes ready for the batches of a run. */
  Run begin(String runId) throws IOException;

  /** Ends what a run that died has begun and nobody may see half of. */
  void recover() throws IOException;

  /** Joins what the batches have left in pieces; no run commits meanwhile. */
  void compact(SparkSession spark, String runId) throws IOException;

  /**
   * The run commits nothing more.
   *
   * @param whole whether readers may take the answers for complete
   */
  void end(String runId, boolean whole) throws IOException;

  /**
   * Deletes the error rows that were made with the parameters, so that a run computes them again;
   * those of records whose id another record has stay, since no run would answer them.
   *
   * @param runId of the run that will
   * @return how many
   */
  long dropErrors(SparkSession spark, String runId, String paramsHash) throws IOException;

  /** Brings the rows of earlier runs up to date with a corpus that has changed. */
  void update(SparkSession spark, String runId, String paramsHash, Changes changes)
      throws IOException;

  /**
   * Records with earlier rows, by {@code RecordSchema.KEY}.
   *
   * @param replaced their document has newer answers: their rows are deleted
   * @param vanished the corpus has them no more: their rows are marked
   * @param returned the corpus has them again: their rows are marked no more
   */
  record Changes(Set<Long> replaced, Set<Long> vanished, Set<Long> returned) {}

  /** Makes sure that a dead run can commit nothing more. */
  void fence(String deadRunId) throws IOException;
}
