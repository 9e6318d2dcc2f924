package dev.questspark.job.output;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.SerializableConfiguration;

/**
 * Joins the small files of {@code answers/} into few large ones, so that whoever reads them opens
 * tens of files and not thousands.
 *
 * <p><b>A kill loses and doubles nothing.</b> The joined files are written aside, in {@code
 * _compaction/}. When they are complete, a plan that names them and what they replace is put beside
 * them in one rename. Only then each joined file is moved into {@code answers/} and those that it
 * replaces are deleted. Without a plan nothing has happened and the folder is deleted; with one the
 * next run in the output, or this one, carries on until the plan is done. {@code _SUCCESS} is
 * absent meanwhile, since for a moment a reader may see rows twice.
 */
final class Compaction {
  private static final long TARGET_BYTES = 128L << 20;

  /** A file of half the target and more stays as it is. */
  private static final long SMALL_BYTES = TARGET_BYTES / 2;

  private static final int MOST_TASKS = 256;
  private static final String PLAN = "plan.json";

  private final Path answers;
  private final Path folder;
  private final FileSystem files;
  private final SerializableConfiguration hadoop;

  /** A file that replaces others; names without folders. */
  private record Join(String into, List<String> from) {}

  /**
   * @param root the output folder
   */
  Compaction(Path root, Path answers, FileSystem files, SerializableConfiguration hadoop) {
    this.answers = answers;
    this.folder = new Path(root, "_compaction");
    this.files = files;
    this.hadoop = hadoop;
  }

  /**
   * Joins what is small; nothing while a run commits.
   *
   * @param runId names the new files
   */
  void run(JavaSparkContext spark, String runId) throws IOException {
    List<Join> joins = plan(runId);
    if (joins.isEmpty()) {
      return;
    }
    files.delete(folder, true);
    files.mkdirs(folder);
    String from = answers.toString();
    String to = folder.toString();
    SerializableConfiguration conf = hadoop;
    // As texts, which every serializer knows.
    List<String> texts = joins.stream().map(join -> new Gson().toJson(join)).toList();
    spark
        .parallelize(texts, Math.min(texts.size(), MOST_TASKS))
        .foreach(text -> write(new Gson().fromJson(text, Join.class), from, to, conf.value()));
    Path unfinished = new Path(folder, PLAN + ".unfinished");
    try (var out = files.create(unfinished, true)) {
      out.write(new Gson().toJson(joins).getBytes(StandardCharsets.UTF_8));
    }
    if (!files.rename(unfinished, new Path(folder, PLAN))) {
      throw new IOException(unfinished + " cannot be renamed");
    }
    finish();
  }

  private static void write(Join join, String answers, String folder, Configuration conf)
      throws IOException {
    Path target = new Path(folder, join.into);
    FileSystem files = OutputFolder.files(target, conf);
    files.delete(target, false); // of an attempt that was lost
    new AnswerParquet(files, conf)
        .copy(join.from.stream().map(name -> new Path(answers, name)).toList(), target, row -> row);
  }

  /** Small files in the order of their names, as many together as make a large one. */
  private List<Join> plan(String runId) throws IOException {
    List<FileStatus> small =
        Stream.of(files.listStatus(answers))
            .filter(file -> file.getPath().getName().endsWith(".parquet"))
            .filter(file -> file.getLen() < SMALL_BYTES)
            .sorted(Comparator.comparing(file -> file.getPath().getName()))
            .toList();
    List<Join> joins = new ArrayList<>();
    List<String> together = new ArrayList<>();
    long bytes = 0;
    for (FileStatus file : small) {
      if (bytes + file.getLen() > TARGET_BYTES) {
        add(joins, together, runId);
        together = new ArrayList<>();
        bytes = 0;
      }
      together.add(file.getPath().getName());
      bytes += file.getLen();
    }
    add(joins, together, runId);
    return joins;
  }

  private static void add(List<Join> joins, List<String> together, String runId) {
    if (together.size() > 1) {
      joins.add(new Join("joined-%s-%05d.parquet".formatted(runId, joins.size()), together));
    }
  }

  /** Carries out the plan that is there, if one is; clears the folder. */
  void finish() throws IOException {
    Path plan = new Path(folder, PLAN);
    if (files.exists(plan)) {
      String text;
      try (var in = files.open(plan)) {
        text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      }
      List<Join> joins = new Gson().fromJson(text, new TypeToken<List<Join>>() {}.getType());
      for (Join join : joins) {
        Path joined = new Path(folder, join.into);
        Path target = new Path(answers, join.into);
        if (files.exists(joined) && !files.rename(joined, target)) {
          throw new IOException(joined + " cannot be renamed to " + target);
        }
        for (String name : join.from) {
          files.delete(new Path(answers, name), false);
        }
      }
    }
    files.delete(folder, true);
  }
}
