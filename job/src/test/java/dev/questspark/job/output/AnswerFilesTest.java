package dev.questspark.job.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.job.JobHarness;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commit protocol alone: attempts that race, attempts that come too late. */
@Tag("spark")
class AnswerFilesTest {
  private static final int BATCHES = 20;

  @TempDir Path output;
  private AnswerStore.Run run;

  @BeforeEach
  void open() throws IOException {
    run = new OutputFolder(output.toString(), new Configuration()).answers().begin("run");
  }

  private AnswerStore.Task attempt(long number) throws IOException {
    return run.task(3, number);
  }

  private static List<Row> rows(int batch) {
    Object[] values = new Object[AnswerSchema.schema().length()];
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      values[0] = "doc-" + batch;
      values[1] = i;
      rows.add(RowFactory.create(values.clone()));
    }
    return rows;
  }

  private List<String> committed() {
    return JobHarness.query(
        "select doc_id, question_id from " + JobHarness.table(output, "answers") + " order by all");
  }

  @Test
  void attemptsThatRaceCommitEachRowOnce() throws Exception {
    ExecutorService attempts = Executors.newFixedThreadPool(4);
    try {
      List<Callable<Boolean>> work = new ArrayList<>();
      for (int number = 0; number < 4; number++) {
        AnswerStore.Task files = attempt(number);
        work.add(
            () -> {
              for (int batch = 0; batch < BATCHES; batch++) {
                files.commit(batch, rows(batch)); // whether another has it or not
              }
              return true;
            });
      }
      for (Future<Boolean> one : attempts.invokeAll(work)) {
        assertThat(one.get()).isTrue();
      }
    } finally {
      attempts.shutdownNow();
    }
    assertThat(committed())
        .hasSize(4 * BATCHES)
        .doesNotHaveDuplicates()
        .contains("doc-0|0", "doc-19|3");
    assertThat(output.resolve("answers").toFile().list()).hasSize(BATCHES);
    assertThat(output.resolve("_uncommitted/run")).isEmptyDirectory();
    assertThat(attempt(9).has(BATCHES - 1)).isTrue();
    assertThat(attempt(9).has(BATCHES)).isFalse();
  }

  @Test
  void aRunThatHasLostItsFolderCommitsNothing() throws IOException {
    AnswerStore.Task late = attempt(1);
    late.commit(0, rows(0));
    Files.delete(output.resolve("_uncommitted/run")); // what a run that takes over does
    assertThatThrownBy(() -> late.commit(1, rows(1))).isInstanceOf(IOException.class);
    assertThat(committed()).hasSize(4);
    assertThat(output.resolve("_uncommitted/run")).doesNotExist();
  }
}
