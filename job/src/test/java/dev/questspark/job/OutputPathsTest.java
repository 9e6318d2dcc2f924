package dev.questspark.job;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.job.JobHarness.Ended;
import dev.questspark.job.options.ExitCode;
import dev.questspark.job.path.GivenPath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An output is the folder of that name, whatever characters it has, and holds our files alone. */
@Tag("spark")
class OutputPathsTest {
  @TempDir Path folder;

  private static Ended run(Path input, Path output, String... args) {
    String[] all = new String[args.length + 1];
    all[0] = "--selectors=all";
    System.arraycopy(args, 0, all, 1, args.length);
    return JobHarness.run(input, output, all);
  }

  private static long rows(Path output, String part) {
    return TestSpark.session()
        .read()
        .options(GivenPath.LITERALLY)
        .parquet(output.resolve(part).toString())
        .count();
  }

  private static void refused(Ended ended, String sentence) {
    assertThat(ended.err()).contains(sentence).hasLineCount(1);
    assertThat(ended.code()).isEqualTo(ExitCode.REFUSED);
  }

  @Test
  void everyProtectionSeesAnOutputOfAnyName() throws IOException {
    // the last document fails, so that retry_errors has a file to replace
    Path input = JobHarness.corpus(folder, 1);
    Files.writeString(
        input, Files.readString(input) + "{\"id\": \"x\", \"text\": \"\", \"question\": \"q\"}\n");
    for (String name : new String[] {"o[1]{a,b} *? %41", "2026-11-25T02:00 ü+\uD83D\uDE00"}) {
      Path output = folder.resolve(name);
      Ended first = run(input, output);
      assertThat(first.code()).as(name + first.err()).isZero();
      refused(run(input, output), "already has answers");
      Ended resumed = run(input, output, "--resume", "--retry-errors");
      assertThat(resumed.err()).isEmpty();
      assertThat(resumed.out()).contains("1 error rows are computed again", "2 rows were found");
      assertThat(rows(output, "answers")).as(name).isEqualTo(3);
      assertThat(rows(output, "stats")).as(name).isEqualTo(2);
      assertThat(run(input, output, "--mode=overwrite").code()).isZero();
      assertThat(rows(output, "answers")).as(name).isEqualTo(3);
    }
  }

  @Test
  void overwriteRemovesNothingThatNoRunHasLeft() throws IOException {
    Path input = JobHarness.corpus(folder, 1);
    for (String foreign :
        new String[] {
          "answers/gold.csv", "stats/mine.txt", "run.json", "answers/part-00000-x.parquet"
        }) {
      Path output = folder.resolve("of-" + foreign.replace('/', '-'));
      Path file = output.resolve(foreign);
      Files.createDirectories(file.getParent());
      Files.writeString(file, "{\"mine\": true}");
      boolean parquet = foreign.endsWith(".parquet"); // which others' columns are checked for
      for (String mode :
          parquet ? new String[] {"overwrite"} : new String[] {"overwrite", "errorifexists"}) {
        refused(
            run(input, output, "--mode=" + mode),
            "has " + foreign + ", which no run of this job has written and none will touch");
      }
      assertThat(file).hasContent("{\"mine\": true}");
      assertThat(output.resolve("answers/_SUCCESS")).doesNotExist();
    }
  }

  @Test
  void anOutputInsideTheInputIsRefused() throws IOException {
    Path input = Files.createDirectory(folder.resolve("in"));
    Files.writeString(input.resolve("a.txt"), "The code is 7.");
    Path link = Files.createSymbolicLink(folder.resolve("link"), input);
    String asked = "--question=What?";
    refused(run(input, input.resolve("out"), asked), "is inside the input " + input);
    refused(run(input, input, asked), "is the input " + input);
    refused(run(input, link.resolve("deep/out"), asked), "is inside the input " + input);
    refused(run(input.resolve("*"), input.resolve("out"), asked), "is the input " + input + "/*");
    assertThat(input.resolve("out")).doesNotExist();
  }
}
