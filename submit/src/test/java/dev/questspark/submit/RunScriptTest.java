package dev.questspark.submit;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * run.sh as a user calls it: the shaded jar, Spark's own SparkSubmit in a process of its own, the
 * demo.
 */
@Tag("submit")
class RunScriptTest {
  @TempDir Path folder;

  @Test
  void theDemoAnswersFromAFractionOfTheContext() throws Exception {
    Path output = folder.resolve("out");
    RunScript ended =
        RunScript.run(
            folder,
            "demo",
            "--output",
            output.toString(),
            "--selectors",
            "all,quest,sink_recent",
            "--driver-java-options",
            "-Xlog:gc*:file=" + folder.resolve("gc.log"));

    assertThat(ended.code()).as(ended.out() + ended.err()).isZero();
    assertThat(ended.err()).contains("spark-submit --class dev.questspark.job.LongDocJob");
    assertThat(folder.resolve("gc.log")).as("what passes through to the driver").exists();
    assertThat(ended.out()).contains("accuracy", output + "/answers", output + "/run.json");
    String answers = "read_parquet('" + output.resolve("answers") + "/*.parquet')";
    assertThat(DuckDb.cell("select count(*) from " + answers)).isEqualTo(3 * 52);
    assertThat(DuckDb.cell("select count(distinct (doc_id, question_id)) from " + answers))
        .isEqualTo(52);
    assertThat(DuckDb.cell("select count(*) from " + answers + " where status <> 'ok'")).isZero();
    double dense = accuracy(answers, "dense");
    assertThat(dense).isGreaterThanOrEqualTo(0.95);
    assertThat(accuracy(answers, "quest")).isGreaterThanOrEqualTo(dense - 0.02);
    assertThat(accuracy(answers, "sink_recent")).as("the negative control").isLessThan(0.3);
    // ten documents, each prefilled once for three policies and all questions
    assertThat(DuckDb.cell("select count(*) from " + answers + " where cached_tokens = 0"))
        .isEqualTo(10);
  }

  private static double accuracy(String answers, String policy) {
    return DuckDb.cell(
        "select avg(answer_correct::int) from " + answers + " where policy like '" + policy + "%'");
  }

  /** Executors have our classes from the jar that spark-submit brought, and from nowhere else. */
  @Test
  void executorsNeedNothingButTheJar() throws Exception {
    Path input = folder.resolve("two.jsonl");
    Files.writeString(
        input,
        """
        {"id": "a", "text": "The gate code is 41234.", "question": ["Which code?"]}
        {"id": "b", "text": "The door code is 7.", "question": ["Which code?"]}
        """);
    RunScript run =
        RunScript.run(
            folder,
            "--master",
            "local-cluster[1,1,1024]",
            "--executor-memory",
            "1g",
            "--model",
            RunScript.HOME.resolve("demo/model").toString(),
            "--backend",
            "cpu",
            "--input",
            input.toString(),
            "--output",
            folder.resolve("out").toString());
    assertThat(run.code()).as(run.out() + run.err()).isZero();
    assertThat(run.out()).contains("2/2 documents, 2/2 answers").doesNotContain("is lost");
  }

  @Test
  void aBuildThatWasKilledIsBuiltAgain() throws Exception {
    Path home = folder.resolve("home");
    Path script = home.resolve("submit/run.sh");
    Path jar = home.resolve("job/target/questspark-job.jar");
    for (String part : new String[] {"submit/target/spark/jars", "job", "engine", "kernels"}) {
      Files.createDirectories(home.resolve(part));
    }
    Files.createDirectories(home.resolve("conf/prompts"));
    Files.createFile(home.resolve("conf/demo.conf"));
    Files.createFile(home.resolve("pom.xml"));
    Files.copy(RunScript.HOME.resolve("submit/run.sh"), script);
    Path maven = home.resolve("mvnw");
    Path builds = folder.resolve("builds");
    String build = "#!/bin/sh\necho build >> " + builds + "\necho jar > " + jar + "\n";

    Files.writeString(maven, build + "kill -9 $$\n");
    assertThat(maven.toFile().setExecutable(true)).isTrue();
    RunScript killed = RunScript.start(folder, Map.of(), List.of(script.toString(), "demo"));
    assertThat(killed.err()).contains("the build failed; see");
    assertThat(jar).as("what the killed build left").exists();

    Files.writeString(maven, build + "echo '[INFO] BUILD SUCCESS'\n");
    RunScript.start(folder, Map.of(), List.of(script.toString(), "demo"));
    assertThat(builds).hasContent("build\nbuild");
    RunScript.start(folder, Map.of(), List.of(script.toString(), "demo"));
    assertThat(builds).as("a jar that is whole is used").hasContent("build\nbuild");
  }

  /** A release's folder with a spark-submit that shows what it is given. */
  @Test
  void theScriptRunsFromAnyFolderThroughLinksWithCdpath() throws Exception {
    Path home = Files.createDirectories(folder.resolve("my checkout ü+1 [a]{b}*/%20"));
    Path spark = home.resolve("spark");
    for (String part : List.of("submit", "conf", "lib", "spark/jars", "spark/bin")) {
      Files.createDirectories(home.resolve(part));
    }
    Files.createFile(home.resolve("conf/demo.conf"));
    Files.createFile(home.resolve("lib/questspark-job.jar"));
    Files.createFile(spark.resolve("jars/spark-core_2.13-4.1.3.jar"));
    Path submit = spark.resolve("bin/spark-submit");
    Files.writeString(submit, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
    assertThat(submit.toFile().setExecutable(true)).isTrue();
    Files.copy(RunScript.HOME.resolve("submit/run.sh"), home.resolve("submit/run.sh"));
    Path elsewhere = Files.createDirectories(folder.resolve("elsewhere/submit"));
    Files.createSymbolicLink(elsewhere.resolve("first"), home.resolve("submit/run.sh"));
    Files.createSymbolicLink(elsewhere.resolve("run it"), Path.of("first"));

    RunScript ended =
        RunScript.start(
            folder,
            Map.of("CDPATH", folder + ":" + elsewhere, "SPARK_HOME", spark.toString()),
            List.of(
                "bash",
                "-c",
                "cd '" + elsewhere.getParent() + "' && 'submit/run it' demo --output 'a [b]'"));

    assertThat(ended.code()).as(ended.err()).isZero();
    List<String> arguments = ended.out().lines().toList();
    assertThat(arguments)
        .contains(
            home.resolve("lib/questspark-job.jar").toString(),
            home.resolve("conf/demo.conf").toString(),
            "a [b]");
    String option = arguments.get(arguments.indexOf("--driver-java-options") + 1);
    assertThat(option).startsWith("-Dlog4j2.configurationFile=file:/").doesNotContain(" ");
    assertThat(Path.of(URI.create(option.substring(option.indexOf('=') + 1))))
        .isEqualTo(home.resolve("conf/log4j2.properties"));
  }

  @Test
  void everyCommandHasAHelpOfItsOwnWhoseOptionsExist() throws Exception {
    String options = RunScript.run(folder, "--job-help").out();
    Matcher suites =
        Pattern.compile("\\| `suite` \\| one of ([^|]+) \\|")
            .matcher(Files.readString(RunScript.HOME.resolve("conf/README.md")));
    assertThat(suites.find()).as("the suites in conf/README.md").isTrue();
    for (String command : List.of("sweep", "eval", "report")) {
      RunScript help = RunScript.run(folder, command, "--help");
      assertThat(help.code()).as(help.err()).isZero();
      assertThat(help.out()).startsWith("Usage: submit/run.sh " + command);
      assertThat(help.out().lines().count()).as("lines of a short text").isLessThan(40);
      Matcher flag = Pattern.compile("--[a-z][a-z-]+[a-z]").matcher(help.out());
      while (flag.find()) {
        assertThat(options + "--job-help --help").contains(flag.group());
      }
    }
    String eval = RunScript.run(folder, "eval", "demo", "-h").out();
    assertThat(eval).contains(suites.group(1).split(", *"));
  }

  @Test
  void mistakesAreOneSentence() throws Exception {
    RunScript preset = RunScript.run(folder, "demoo");
    assertThat(preset.code()).isEqualTo(2);
    assertThat(preset.err()).contains("unknown preset 'demoo'; known: ", "demo");

    RunScript option =
        RunScript.run(
            folder, "demo", "--kv-bugdet", "5", "--output", folder.resolve("x").toString());
    assertThat(option.code()).isEqualTo(2);
    assertThat(option.err())
        .contains("'kv-bugdet'", "did you mean kv_budget")
        .doesNotContain("\tat ");

    RunScript help = RunScript.run(folder, "--help");
    assertThat(help.code()).isZero();
    assertThat(help.out()).contains("submit/run.sh demo", "Presets:", "--master");
  }

  /** As Spark itself does in its logs and on its pages. */
  @Test
  void theCommandLineIsShownWithoutSecrets() throws Exception {
    Path home = folder.resolve("release");
    Path script = home.resolve("submit/run.sh");
    Path spark = folder.resolve("spark");
    for (Path part :
        List.of(
            script.getParent(),
            home.resolve("conf"),
            home.resolve("lib"),
            spark.resolve("jars"),
            spark.resolve("bin"))) {
      Files.createDirectories(part);
    }
    Files.copy(RunScript.HOME.resolve("submit/run.sh"), script);
    Files.createFile(home.resolve("conf/demo.conf"));
    Files.createFile(home.resolve("lib/questspark-job.jar"));
    Files.createFile(spark.resolve("jars/spark-core_2.13-4.1.2.jar"));
    Path submit = spark.resolve("bin/spark-submit");
    Path received = folder.resolve("received");
    Files.writeString(submit, "#!/bin/sh\nprintf '%s\\n' \"$@\" > " + received + "\n");
    assertThat(submit.toFile().setExecutable(true)).isTrue();

    RunScript ended =
        RunScript.start(
            folder,
            Map.of("SPARK_HOME", spark.toString()),
            List.of(
                script.toString(),
                "demo",
                "--conf",
                "spark.hadoop.fs.s3a.secret.key=HIDE-1",
                "--conf",
                "spark.hadoop.fs.s3a.access.key=HIDE-2",
                "--conf",
                "spark.kubernetes.authenticate.driver.oauthToken=HIDE-3",
                "--conf",
                "spark.executor.extraJavaOptions=-Xss4m -Dstore.Password=HIDE-4",
                "--driver-java-options",
                "-Djavax.net.ssl.keyStorePassword=HIDE-5 -Dshown=yes",
                "--conf",
                "spark.hadoop.fs.s3a.endpoint=shown.example.com",
                "--conf",
                "spark.questspark.max_tokens=16"));
    assertThat(ended.code()).as(ended.err()).isZero();
    assertThat(ended.err())
        .doesNotContain("HIDE")
        .contains(
            "spark.hadoop.fs.s3a.secret.key=*********(redacted)",
            "-Xss4m -Dstore.Password=*********(redacted)",
            "-Dshown=yes",
            "shown.example.com",
            "max_tokens=16");
    assertThat(Files.readString(received))
        .contains("HIDE-1", "HIDE-2", "HIDE-3", "HIDE-4", "HIDE-5");
  }
}
