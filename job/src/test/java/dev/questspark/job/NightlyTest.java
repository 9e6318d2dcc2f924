package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.options.ExitCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A job that runs every night over a corpus that changes, with an end to its time. */
@Tag("spark")
class NightlyTest {
  private static final String[] OPTIONS = {"--selectors=all", "--partitions=2"};

  @TempDir Path folder;

  private static String[] with(String... more) {
    List<String> all = new ArrayList<>(List.of(OPTIONS));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }

  private Path corpus(String... lines) throws IOException {
    Path input = folder.resolve("corpus.jsonl");
    Files.writeString(input, String.join("\n", lines) + "\n");
    return input;
  }

  private static String record(String id, String text, String question) {
    return "{\"id\": \"%s\", \"text\": \"%s\", \"question\": [\"%s\"]}"
        .formatted(id, text, question);
  }

  private static JsonObject runJson(Path output) throws IOException {
    return JsonParser.parseString(Files.readString(output.resolve("run.json"))).getAsJsonObject();
  }

  private static List<String> rows(Path output) {
    return query(
        "select doc_id, question, dense_rank() over (order by run_id), vanished_at is not null from "
            + table(output, "answers")
            + " order by all");
  }

  @Test
  void anUpdateAnswersWhatIsNewAndChangedAndKeepsTheRest() throws IOException {
    Path output = folder.resolve("out");
    String same = record("same", "The gate code is 41234.", "Which code?");
    String twice = record("twice", "one", "Which?");
    String nobody = "{\"text\": \"nobody's\", \"question\": [\"Whose?\"]}";
    Path input =
        corpus(
            same,
            record("changed", "The vault code is 1.", "Which code?"),
            record("asked", "The door code is 2.", "Which code?"),
            record("gone", "The safe code is 3.", "Which code?"),
            twice,
            twice,
            record("claimed", "one text", "Which text?"),
            record("claimed", "another text", "Which text?"),
            nobody);
    String[] update = with("--update", "--max-error-rate=1");
    Ended first = JobHarness.run(input, output, update);
    assertThat(first.code()).as(first.err()).isZero();
    assertThat(rows(output)).hasSize(9);

    corpus(
        same,
        record("changed", "The vault code is 7.", "Which code?"),
        record("asked", "The door code is 2.", "Which door?"),
        record("new", "The lift code is 4.", "Which code?"),
        twice,
        twice,
        record("claimed", "another text", "Which text?"));
    Ended second = JobHarness.run(input, output, update);
    assertThat(second.code()).as(second.err()).isZero();
    assertThat(second.out())
        .contains("update: 4 documents new or changed (3 changed), 3 unchanged, 2 vanished");
    assertThat(rows(output))
        .containsExactlyInAnyOrder(
            "asked|Which door?|2|false",
            "changed|Which code?|2|false",
            "claimed|Which text?|2|false",
            "gone|Which code?|1|true",
            "new|Which code?|2|false",
            "same|Which code?|1|false",
            "twice|Which?|1|false",
            "twice|Which?|1|false",
            "null|Whose?|1|true");

    corpus(same, record("gone", "The safe code is 3.", "Which code?"));
    Ended third = JobHarness.run(input, output, update);
    assertThat(third.code()).as(third.err()).isZero();
    assertThat(rows(output))
        .contains("gone|Which code?|1|false", "same|Which code?|1|false")
        .filteredOn(row -> row.endsWith("true"))
        .hasSize(7);
    assertThat(output.toFile().list()).noneMatch(name -> name.startsWith("_"));
    assertThat(output.resolve("steps").toFile().list())
        .noneMatch(name -> name.contains("unfinished"));

    Ended other = JobHarness.run(input, output, with("--update", "--max-tokens=9"));
    assertThat(other.code()).isEqualTo(ExitCode.REFUSED);
    assertThat(other.err()).contains("max_tokens was '8' and is '9'", "--update");
  }

  /** Hosts differ tenfold in speed: the deadline is moved until it falls into the run. */
  @Test
  void aDeadlineStopsARunWhichGoesOnLater() throws IOException {
    Path input = JobHarness.shortDocuments(folder, 24);
    String[] slow = {
      "--selectors=all",
      "--max-num-seqs=1",
      "--max-tokens=96",
      "--ignore-eos",
      "--answer-batch-rows=4"
    };
    TestSpark.session(); // whose start is not the run's
    Path output;
    Ended stopped;
    long millis = 4000;
    int attempt = 0;
    int answered;
    do {
      assertThat(attempt).as("deadlines tried; the next: %d ms", millis).isLessThan(12);
      output = folder.resolve("out-" + attempt++);
      String[] first = java.util.Arrays.copyOf(slow, slow.length + 1);
      first[slow.length] = "--deadline=" + LocalDateTime.now().plusNanos(millis * 1_000_000);
      stopped = JobHarness.run(input, output, first);
      assertThat(stopped.code())
          .as(stopped.err())
          .isIn(ExitCode.DONE, ExitCode.STOPPED_AT_DEADLINE);
      answered = JobHarness.content(output).size();
      millis = answered == 0 ? millis * 5 / 4 : millis * 2 / 3;
    } while (answered == 0 || stopped.code() == ExitCode.DONE);
    assertThat(answered).isLessThan(48);
    assertThat(stopped.out()).contains(answered + " of 48 rows are answered", "--resume goes on");
    assertThat(output.resolve("answers/_SUCCESS")).doesNotExist();
    assertThat(runJson(output).get("state").getAsString()).isEqualTo("stopped_at_deadline");
    assertThat(runJson(output).get("exit_code").getAsInt()).isEqualTo(5);

    String[] second = java.util.Arrays.copyOf(slow, slow.length + 1);
    second[slow.length] = "--resume";
    Ended resumed = JobHarness.run(input, output, second);
    assertThat(resumed.code()).as(resumed.err()).isZero();
    assertThat(JobHarness.content(output)).hasSize(48).doesNotHaveDuplicates();
    assertThat(output.resolve("answers/_SUCCESS")).exists();
    System.out.printf("deadline: %d of 48 rows before it, attempt %d%n", answered, attempt);
  }

  @Test
  void anInputWithoutDocumentsIsAGoodNight() throws IOException {
    for (String name : List.of("none.jsonl", "none.csv")) {
      Path input = folder.resolve(name);
      Files.writeString(input, name.endsWith("jsonl") ? " \n\n" : "");
      Path output = folder.resolve("of-" + name);
      Ended ended = JobHarness.run(input, output, OPTIONS);
      assertThat(ended.code()).as(ended.err()).isZero();
      assertThat(query("select count(*) from " + table(output, "answers"))).containsExactly("0");

      Ended strict =
          JobHarness.run(input, folder.resolve("strict-" + name), with("--fail-on=empty"));
      assertThat(strict.code()).isEqualTo(ExitCode.REFUSED);
      assertThat(strict.err()).contains(name, "has no document", "--fail-on empty").hasLineCount(1);
    }
    Path empty = Files.createDirectory(folder.resolve("folder"));
    Ended ended =
        JobHarness.run(empty, folder.resolve("of-folder"), with("--question=Which code?"));
    assertThat(ended.code()).as(ended.err()).isZero();
  }

  @Test
  void theRecordOfARunLeadsToItsApplication() throws IOException {
    Path output = folder.resolve("out");
    Path input =
        corpus(
            record("good", "The gate code is 41234.", "Which code?"), record("bad", "", "Which?"));
    Ended ended = JobHarness.run(input, output, OPTIONS);
    assertThat(ended.code()).as(ended.err()).isZero();
    JsonObject run = runJson(output);
    assertThat(run.get("application_id").getAsString())
        .isEqualTo(TestSpark.session().sparkContext().applicationId());
    assertThat(run.get("master").getAsString()).startsWith("local");
    assertThat(run.get("driver_host").getAsString()).isEqualTo("localhost");
    assertThat(run.get("ended_at").getAsString())
        .isGreaterThan(run.get("started_at").getAsString());
    assertThat(run.get("exit_code").getAsInt()).isZero();
    assertThat(run.get("rows_answered").getAsInt()).isEqualTo(2);
    assertThat(run.getAsJsonObject("errors").toString()).isEqualTo("{\"EMPTY_DOCUMENT\":1}");
    assertThat(run.getAsJsonArray("executors_lost")).isEmpty();
    assertThat(run.getAsJsonArray("executor_hosts")).hasSize(1);
    assertThat(query("select engines_lost, rows_kept_of_lost_tasks from " + table(output, "stats")))
        .containsExactly("0|0");
  }

  @Test
  void whatCannotBeIsOneSentence() throws IOException {
    Path input = JobHarness.corpus(folder, 1);
    Path output = folder.resolve("never");
    List<List<String>> cases =
        List.of(
            List.of("--deadline=2020-01-01T06:00", "which has passed"),
            List.of("--deadline=soon", "a time of day such as 06:00"),
            List.of("--fail-on=everything", "empty, unused_budget"),
            List.of("--retry-errors", "--resume and --update"),
            List.of("--wait-for-lock=-1", "at least 0"));
    for (List<String> one : cases) {
      Ended ended = JobHarness.run(input, output, with(one.get(0)));
      assertThat(ended.code()).as(one.get(0)).isEqualTo(ExitCode.REFUSED);
      assertThat(ended.err()).contains(one.get(1)).hasLineCount(1);
    }
    Ended both = JobHarness.run(input, output, with("--update", "--resume"));
    assertThat(both.err()).contains("leave --resume out").hasLineCount(1);
    assertThat(output).doesNotExist();
  }
}
