package dev.questspark.job.sweep;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.family.ModelConfig;
import dev.questspark.engine.model.family.ModelConfigReader;
import dev.questspark.engine.policy.Dense;
import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.engine.policy.cache.DuoAttention;
import dev.questspark.engine.policy.cache.heads.HeadPattern;
import dev.questspark.job.model.ModelFolder;
import dev.questspark.job.options.BoundOptions;
import dev.questspark.job.options.EngineOptions;
import dev.questspark.job.options.SelectionOptions;
import dev.questspark.job.options.Suite;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;

/**
 * {@code --suite calibration}: which KV heads of a model need a whole document. One head at a time
 * keeps its first and last tokens alone, as {@link DuoAttention} has it, and scores the KL of what
 * follows from dense attention's. DuoAttention (arXiv 2410.10819) trains such scores; these need
 * forward passes alone, one for each head and window. The result is the folder that {@code
 * duoattention(heads=...)} reads.
 */
final class HeadCalibration {
  private static final int SINK = 64;
  private static final int RECENT = 256;
  private static final String FOLDERS = "heads"; // of the output, one for each head

  private final Path output;
  private final ModelConfig model;
  private final BoundOptions options;
  private final List<CachePolicy> ofHeads = new ArrayList<>();

  /**
   * Finds the model, which says how many heads there are.
   *
   * @throws ConfigException when the output is no local folder
   */
  HeadCalibration(BoundOptions given, SparkSession spark) {
    SelectionOptions selection = given.inference().selection();
    this.output = local(given.output().folder());
    EngineOptions engine = given.inference().engine();
    ModelFolder folder =
        ModelFolder.of(
            engine.model().location(), false, spark.sparkContext().hadoopConfiguration());
    folder.check(engine.model().configOverrides());
    this.model = ModelConfigReader.read(folder.path(), engine.model().configOverrides());
    for (int head = 0; head < heads(); head++) {
      ofHeads.add(
          CachePolicy.parse(
              "duoattention(streaming=" + 1.0 / heads() + ", heads=" + folderOf(head) + ")"));
    }
    List<CachePolicy> all = new ArrayList<>(List.of(CachePolicy.NONE));
    all.addAll(ofHeads);
    this.options =
        new BoundOptions(
            given.command(),
            given.corpus(),
            given.output(),
            given.inference().with(selection.of(List.of(new Dense()), all)),
            given.measure(),
            given.listing());
  }

  private static Path local(String folder) {
    org.apache.hadoop.fs.Path path = new org.apache.hadoop.fs.Path(folder);
    String scheme = path.toUri().getScheme();
    if (scheme != null && !scheme.equals("file")) {
      throw new ConfigException(
          "--output is "
              + folder
              + ", but --suite "
              + Suite.CALIBRATION.word()
              + " writes patterns there that every executor reads as files; give a folder that all"
              + " hosts see");
    }
    return Path.of(path.toUri().getPath()).toAbsolutePath();
  }

  private int heads() {
    return model.layers() * model.kvHeads();
  }

  private Path folderOf(int head) {
    return output.resolve(FOLDERS).resolve(head / model.kvHeads() + "-" + head % model.kvHeads());
  }

  /** The same with dense attention and, beside no cache policy, one for each head. */
  BoundOptions options() {
    return options;
  }

  /** Writes the patterns by which one head streams. */
  void prepare() {
    for (int head = 0; head < heads(); head++) {
      float[][] scores = new float[model.layers()][model.kvHeads()];
      for (int other = 0; other < heads(); other++) {
        scores[other / model.kvHeads()][other % model.kvHeads()] = other == head ? 0 : 1;
      }
      new HeadPattern(folderOf(head), scores, SINK, RECENT).write();
    }
  }

  /**
   * Writes the pattern that was measured.
   *
   * @throws ConfigException if a head has not been measured
   */
  void write(SparkSession spark, PrintStream out) throws IOException {
    Map<String, Double> measured = new HashMap<>();
    for (Row row :
        spark
            .read()
            .parquet(options.output().folder() + "/quality")
            .filter("kl is not null")
            .groupBy("cache_policy")
            .agg(functions.avg("kl"))
            .collectAsList()) {
      measured.put(row.getString(0), row.getDouble(1));
    }
    float[][] scores = new float[model.layers()][model.kvHeads()];
    float least = Float.POSITIVE_INFINITY;
    float most = 0;
    for (int head = 0; head < heads(); head++) {
      Double kl = measured.get(ofHeads.get(head).text());
      if (kl == null) {
        throw new ConfigException(
            "head "
                + head % model.kvHeads()
                + " of layer "
                + head / model.kvHeads()
                + " has no score, because its windows ended in errors; see error_code in quality/"
                + " of "
                + output);
      }
      float score = kl.floatValue();
      scores[head / model.kvHeads()][head % model.kvHeads()] = score;
      least = Math.min(least, score);
      most = Math.max(most, score);
    }
    new HeadPattern(output, scores, SINK, RECENT).write();
    out.printf(
        Locale.ROOT,
        "%d KV heads in %d layers, from a KL of %.2g to one of %.2g when they alone keep the first %d and"
            + " the last %d tokens.%nTheir pattern: --cache-policy 'duoattention(streaming=0.25,"
            + " heads=%s)'%n",
        heads(),
        model.layers(),
        least,
        most,
        SINK,
        RECENT,
        output);
  }
}
