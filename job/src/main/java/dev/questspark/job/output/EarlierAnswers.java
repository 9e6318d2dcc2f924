package dev.questspark.job.output;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max;
import static org.apache.spark.sql.functions.min;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.job.answer.PolicyColumns;
import dev.questspark.job.corpus.RecordSchema;
import dev.questspark.job.executor.InferSettings;
import dev.questspark.job.partition.FinishedRow;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * What {@code --resume} finds in an output folder: the answers of earlier runs that were made as
 * this run would make them.
 */
public final class EarlierAnswers {
  private static final int SHOWN = 40;

  private final OutputFolder output;
  private final InferSettings settings;
  private final Map<String, String> decides;
  private final SparkSession spark;

  /**
   * @param output has answers
   * @param decides what this run's answers depend on, by name: {@link RunJson#decides}
   */
  public EarlierAnswers(
      SparkSession spark,
      OutputFolder output,
      InferSettings settings,
      Map<String, String> decides) {
    this.output = output;
    this.settings = settings;
    this.decides = decides;
    this.spark = spark;
  }

  /**
   * Makes sure that answers of this version may stand beside those that are there.
   *
   * @param output has answers
   * @throws ConfigException when another version wrote them, with other columns
   */
  public static void checkColumns(SparkSession spark, OutputFolder output) {
    Set<String> columns = Set.copyOf(output.answers().columns(spark));
    String lacking =
        Stream.of(AnswerSchema.schema().fieldNames())
            .filter(name -> !columns.contains(name))
            .collect(Collectors.joining(", "));
    if (!lacking.isEmpty()) {
      throw new ConfigException(
          "Output "
              + output
              + " has answers of another version, without the columns "
              + lacking
              + "; finish it with that version, or choose another --output or --mode overwrite.");
    }
  }

  /**
   * Makes sure that this run may go on.
   *
   * @throws ConfigException when all answers were made with other options
   */
  public void checkOptions() throws IOException {
    List<String> hashes =
        rows().select("params_hash").distinct().collectAsList().stream()
            .map(row -> row.getString(0))
            .toList();
    if (!hashes.isEmpty() && !hashes.contains(settings.paramsHash())) {
      throw new ConfigException(
          "Output "
              + output
              + " has answers of a run with other options"
              + differences(hashes)
              + ". Repeat the options of that run with --resume or --update, or choose another"
              + " --output or --mode overwrite.");
    }
  }

  /**
   * Makes sure that the corpus is the one that the answers are of.
   *
   * @param records the corpus, columns of {@link RecordSchema}
   * @throws ConfigException when documents have changed since
   */
  public void checkDocuments(Dataset<Row> records) {
    List<String> changed = changedDocuments(records);
    if (!changed.isEmpty()) {
      throw new ConfigException(
          "Output "
              + output
              + " has answers to document '"
              + changed.get(0)
              + "' with another text or other questions"
              + (changed.size() > 1 ? ", and to more such documents" : "")
              + ". Answer the changed documents with --update, restore those that the run began"
              + " with, or choose another --output or --mode overwrite.");
    }
  }

  /** As they are now: files are written again when errors are dropped. */
  private Dataset<Row> rows() {
    return output.answers().read(spark);
  }

  private Dataset<Row> ours() {
    return rows().where(col("params_hash").equalTo(settings.paramsHash()));
  }

  /** Ids that the corpus has, with answers to a content that it has not; two of them at most. */
  private List<String> changedDocuments(Dataset<Row> records) {
    Dataset<Row> corpus =
        records.select(
            col(RecordSchema.ID).as("id"), col(RecordSchema.KEY).as("content"), lit(1).as("here"));
    Dataset<Row> answered = ours().select(col("doc_id"), col("record_key"), lit(0));
    return corpus
        .union(answered)
        .where(col("id").isNotNull())
        .groupBy("id", "content")
        .agg(max("here").as("here"))
        .groupBy("id")
        .agg(max("here").as("known"), min("here").as("unchanged"))
        .where("known = 1 and unchanged = 0")
        .select("id")
        .limit(2)
        .collectAsList()
        .stream()
        .map(row -> row.getString(0))
        .toList();
  }

  /**
   * Takes the error rows out of the answers, so that they are computed again; a run that is
   * interrupted leaves them to the next.
   *
   * @return how many
   */
  public long dropErrors() throws IOException {
    return output.answers().dropErrors(spark, settings.runId(), settings.paramsHash());
  }

  /** The rows that need not be computed again; those of other policies are none of this run's. */
  public Iterator<FinishedRow> finished() {
    List<ReadPolicy> policies = settings.policies();
    Map<String, Integer> index =
        policies.stream().collect(Collectors.toMap(ReadPolicy::text, policies::indexOf));
    Iterator<Row> found =
        ours()
            .select("record_key", "question_id", PolicyColumns.POLICY, "status")
            .toLocalIterator();
    Iterable<Row> all = () -> found;
    return StreamSupport.stream(all.spliterator(), false)
        .filter(row -> index.containsKey(row.getString(2)))
        .map(
            row ->
                new FinishedRow(
                    row.getLong(0),
                    row.getInt(1),
                    index.get(row.getString(2)),
                    row.getString(3).equals("error")))
        .iterator();
  }

  /** What decided the earlier answers and is different now, as far as their run.json tells. */
  private String differences(List<String> hashes) throws IOException {
    Map<String, String> now = new TreeMap<>(decides);
    for (String text : output.runJsons()) {
      JsonObject run = JsonParser.parseString(text).getAsJsonObject();
      JsonElement decided = run.get("decides");
      if (decided != null && hashes.contains(run.get("params_hash").getAsString())) {
        String different =
            now.entrySet().stream()
                .filter(entry -> !value(decided, entry.getKey()).equals(entry.getValue()))
                .map(
                    entry ->
                        "%s was '%s' and is '%s'"
                            .formatted(
                                entry.getKey(),
                                shown(value(decided, entry.getKey())),
                                shown(entry.getValue())))
                .collect(Collectors.joining(", "));
        return different.isEmpty() ? "" : ": " + different;
      }
    }
    return "";
  }

  private static String value(JsonElement decided, String name) {
    JsonElement value = decided.getAsJsonObject().get(name);
    return value == null ? "" : value.getAsString();
  }

  private static String shown(String value) {
    return value.length() <= SHOWN ? value : value.substring(0, SHOWN) + "...";
  }
}
