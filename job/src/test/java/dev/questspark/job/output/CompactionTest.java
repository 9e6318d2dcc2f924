package dev.questspark.job.output;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness;
import dev.questspark.job.TestSpark;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FilterFileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.util.SerializableConfiguration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Joining files, interrupted at every single step. */
@Tag("spark")
class CompactionTest {
  private static final int BATCHES = 7;

  @TempDir java.nio.file.Path folder;

  /** Dies at its so many-th change. */
  private static final class Dying extends FilterFileSystem {
    private int left;

    Dying(FileSystem files, int changes) {
      super(files);
      this.left = changes;
    }

    private void change() throws IOException {
      if (left-- <= 0) {
        throw new IOException("killed");
      }
    }

    @Override
    public boolean rename(Path from, Path to) throws IOException {
      change();
      return super.rename(from, to);
    }

    @Override
    public boolean delete(Path path, boolean recursive) throws IOException {
      change();
      return super.delete(path, recursive);
    }

    @Override
    public boolean mkdirs(Path path) throws IOException {
      change();
      return super.mkdirs(path);
    }
  }

  private static List<Row> rows(int batch) {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Object[] values = new Object[AnswerSchema.schema().length()];
      values[0] = "doc-" + batch;
      values[1] = i;
      rows.add(RowFactory.create(values));
    }
    return rows;
  }

  private static List<String> content(java.nio.file.Path output) {
    return JobHarness.query(
        "select doc_id, question_id from " + JobHarness.table(output, "answers") + " order by all");
  }

  @Test
  void aKillAtAnyStepLosesAndDoublesNothing() throws IOException {
    Configuration hadoop = new Configuration();
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(TestSpark.session().sparkContext());
    List<String> whole = null;
    boolean killed = true;
    for (int changes = 0; killed; changes++) {
      java.nio.file.Path output = folder.resolve("out-" + changes);
      Path root = new Path(output.toUri());
      OutputFolder opened = new OutputFolder(output.toString(), hadoop);
      AnswerStore.Task task = opened.answers().begin("run").task(0, 0);
      for (int batch = 0; batch < BATCHES; batch++) {
        task.commit(batch, rows(batch));
      }
      whole = whole == null ? content(output) : whole;
      Compaction compaction =
          new Compaction(
              root,
              new Path(root, "answers"),
              new Dying(OutputFolder.files(root, hadoop), changes),
              new SerializableConfiguration(hadoop));
      try {
        compaction.run(spark, "run");
        killed = false;
      } catch (IOException death) {
        assertThat(death).hasMessage("killed");
        opened.answers().recover(); // what the next run does first
      }
      assertThat(content(output)).as("killed at change %d", changes).isEqualTo(whole);
      assertThat(output.resolve("_compaction")).doesNotExist();
      assertThat(changes).isLessThan(20);
    }
    assertThat(whole).hasSize(3 * BATCHES).doesNotHaveDuplicates();
  }

  @Test
  void smallFilesAreJoinedAndOneAloneStaysAsItIs() throws IOException {
    OutputFolder output = new OutputFolder(folder.toString(), new Configuration());
    AnswerStore.Task task = output.answers().begin("run").task(0, 0);
    task.commit(0, rows(0));
    output.answers().compact(TestSpark.session(), "run");
    assertThat(JobHarness.answerFiles(folder)).isEqualTo(1);
    assertThat(folder.resolve("answers/part-run-00000-00000.parquet")).exists();
    task.commit(1, rows(1));
    output.answers().compact(TestSpark.session(), "run");
    assertThat(JobHarness.answerFiles(folder)).isEqualTo(1);
    assertThat(content(folder)).hasSize(6);
  }
}
