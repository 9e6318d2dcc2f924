package dev.questspark.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.options.ExitCode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Outputs of a version that named its policies in other columns are refused, not misread. */
@Tag("spark")
class PreviousVersionTest {
  @TempDir Path folder;

  @Test
  void answersAreNotResumed() throws IOException {
    Path input = JobHarness.corpus(folder, 1);
    Path output = folder.resolve("out");
    assertThat(JobHarness.run(input, output, "--selectors=all").code()).isZero();
    Path before = folder.resolve("before");
    Dataset<Row> answers = TestSpark.session().read().parquet(output.resolve("answers").toString());
    answers
        .drop("policy", "cache_policy")
        .selectExpr(
            Stream.concat(
                    Stream.of("'all' as sparse_policy", "-1 as kv_budget"),
                    Stream.of(answers.columns())
                        .filter(
                            name -> !List.of("policy", "cache_policy", "kv_budget").contains(name)))
                .toArray(String[]::new))
        .write()
        .parquet(before.resolve("answers").toString());

    for (String way : List.of("--resume", "--mode=append")) {
      Ended refused = JobHarness.run(input, before, "--selectors=all", way);
      assertThat(refused.code()).isEqualTo(ExitCode.REFUSED);
      assertThat(refused.err())
          .contains("answers of another version, without the columns policy, cache_policy; finish")
          .hasLineCount(1);
    }
  }

  @Test
  void measurementsAreNotReported() {
    Path output = folder.resolve("out");
    TestSpark.session()
        .sql("select 'd' as doc_id, 'all' as selector, -1 as kv_budget, 'minmax' as page_score")
        .write()
        .parquet(output.resolve("quality").toString());
    Ended refused = JobHarness.runWith("--command=report", "--output=" + output);
    assertThat(refused.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(refused.err())
        .contains("quality/ lacks the columns policy and cache_policy")
        .hasLineCount(1);
  }
}
