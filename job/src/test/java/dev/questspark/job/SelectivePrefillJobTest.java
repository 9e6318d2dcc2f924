package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.policy.cache.CachePolicy;
import dev.questspark.job.JobHarness.Ended;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs that prefill chosen tokens of each document. */
@Tag("spark")
class SelectivePrefillJobTest {
  @TempDir Path folder;

  @Test
  void rowsSayWhatWasReadAndKept() throws IOException {
    Path output = folder.resolve("out");
    Ended ended =
        JobHarness.run(
            JobHarness.corpus(folder, 4),
            output,
            "--cache-policy",
            "selective(keep=0.2, chunk=16)",
            "--policies",
            "dense");
    assertThat(ended.err()).isEmpty();
    assertThat(ended.code()).isZero();
    // The demo's four layers: a third of them, rounded up.
    String policy = CachePolicy.parse("selective(keep=0.2, chunk=16)").forModel(4).text();
    assertThat(policy).contains("layers=2");
    assertThat(ended.out()).contains("cache_policy " + policy, "This is not lossless");
    String answers = table(output, "answers");
    assertThat(query("select distinct cache_policy, status from " + answers))
        .containsExactly(policy + "|ok");
    assertThat(
            query(
                "select count(*) from "
                    + answers
                    + " where doc_id = 'doc-3' and (kept_tokens >= prompt_tokens"
                    + " or read_tokens <= prompt_tokens or reading_ms <= 0"
                    + " or queue_ms + reading_ms + prefill_ms > ttft_ms + 1)"))
        .containsExactly("0");
    // One reading and one prefill serve both questions of a document.
    assertThat(
            query(
                "select count(distinct read_tokens), max(cached_tokens) > 0 from "
                    + answers
                    + " where doc_id = 'doc-3'"))
        .containsExactly("1|true");
    assertThat(query("select sum(prefill_tokens) from " + table(output, "steps")))
        .isEqualTo(query("select any_value(prefill_tokens) from " + table(output, "stats")));
    assertThat(query("select sum(reading_tokens) from " + table(output, "steps")))
        .isEqualTo(
            query(
                "select sum(read) from (select doc_id, max(read_tokens) as read from "
                    + answers
                    + " group by doc_id)"));
  }

  @Test
  void aControlAnswersNobody() throws IOException {
    Ended ended =
        JobHarness.run(
            JobHarness.corpus(folder, 1),
            folder.resolve("out"),
            "--cache-policy",
            "truncate_middle(keep=0.5)");
    assertThat(ended.code()).isEqualTo(2);
    assertThat(ended.err()).contains("truncate_middle", "is a control for eval and sweep");
  }
}
