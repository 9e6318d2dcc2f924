package dev.questspark.submit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The job on every Spark that there is a build for, each built and started by run.sh. */
@Tag("spark-3.5")
class SparkVersionsTest {
  private static final int DOCUMENTS = 3;

  /** Columns that neither clocks nor the run's name are in. */
  private static final String ANSWER =
      "doc_id, question_id, policy, cache_policy, kv_budget, status, output_text, finish_reason,"
          + " prompt_tokens, completion_tokens, total_tokens, kv_pages_attended_mean,"
          + " kv_bytes_read, params_hash";

  @TempDir static Path both;
  @TempDir Path folder;

  private static Path on41;
  private static Path on35;

  @BeforeAll
  static void answerOnBoth() throws Exception {
    Path corpus = both.resolve("corpus.jsonl");
    List<String> demo = Files.readAllLines(RunScript.HOME.resolve("demo/corpus/demo.jsonl"));
    Files.write(corpus, demo.subList(0, DOCUMENTS));
    on41 = answer("demo", corpus, "4.1");
    on35 = answer("demo", corpus, "3.5");
  }

  private static Path answer(String preset, Path corpus, String spark, String... more)
      throws Exception {
    Path output = both.resolve(corpus.getFileName() + "-on-" + spark);
    List<String> args = new ArrayList<>(List.of(preset, "--spark", spark));
    args.addAll(List.of("--input", corpus.toString(), "--output", output.toString()));
    args.addAll(List.of(more));
    RunScript ended = RunScript.run(both, args.toArray(String[]::new));
    assertThat(ended.code()).as(ended.out() + ended.err()).isZero();
    assertThat(Files.readString(output.resolve("run.json")))
        .contains("\"spark_version\": \"" + spark + ".");
    return output;
  }

  @Test
  void bothSparksGiveTheSameAnswers() {
    String here = answers(on41);
    String there = answers(on35);
    assertThat(DuckDb.cell("select count(*) from " + here + " where status = 'ok'"))
        .isEqualTo(DuckDb.cell("select count(*) from " + there))
        .isGreaterThan(2 * DOCUMENTS);
    assertThat(DuckDb.cell(differences(here, there))).isZero();
    assertThat(DuckDb.cell(differences(there, here))).isZero();
  }

  /** What reads them comes in other versions with each Spark, so the jar must bring its own. */
  @Test
  void bothSparksReadOfficeFiles() throws Exception {
    Path files = Files.createDirectories(both.resolve("files"));
    writeDocx(files.resolve("memo.docx"), "The gate code of the silver otter is 41234.");
    String[] more = {
      "--model=" + RunScript.HOME.resolve("demo/model"),
      "--prompt-template=" + RunScript.HOME.resolve("conf/prompts/demo.txt"),
      "--input-format=binaryfile",
      "--question=What is the gate code of the silver otter?",
      "--max-tokens=8"
    };
    for (String spark : List.of("4.1", "3.5")) {
      Path output = answer("cpu-dense", files, spark, more);
      assertThat(DuckDb.cell("select count(*) from " + answers(output) + " where status = 'ok'"))
          .as(spark)
          .isOne();
    }
  }

  private static void writeDocx(Path file, String text) throws IOException {
    String head = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>";
    String schemas = "http://schemas.openxmlformats.org/";
    String type =
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml";
    Map<String, String> parts =
        Map.of(
            "[Content_Types].xml",
            "<Types xmlns=\"%spackage/2006/content-types\">".formatted(schemas)
                + "<Default Extension=\"rels\""
                + " ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>"
                + "<Override PartName=\"/word/document.xml\" ContentType=\"%s\"/></Types>"
                    .formatted(type),
            "_rels/.rels",
            "<Relationships xmlns=\"%spackage/2006/relationships\">".formatted(schemas)
                + "<Relationship Id=\"rId1\" Target=\"word/document.xml\""
                + " Type=\"%sofficeDocument/2006/relationships/officeDocument\"/></Relationships>"
                    .formatted(schemas),
            "word/document.xml",
            "<w:document xmlns:w=\"%swordprocessingml/2006/main\"><w:body><w:p><w:r><w:t>%s"
                    .formatted(schemas, text)
                + "</w:t></w:r></w:p></w:body></w:document>");
    try (ZipOutputStream zip = new ZipOutputStream(Files.newOutputStream(file))) {
      for (Map.Entry<String, String> part : parts.entrySet()) {
        zip.putNextEntry(new ZipEntry(part.getKey()));
        zip.write((head + part.getValue()).getBytes(StandardCharsets.UTF_8));
      }
    }
  }

  private static String answers(Path output) {
    return "read_parquet('" + output.resolve("answers") + "/*.parquet')";
  }

  private static String differences(String one, String other) {
    return "select count(*) from (select %s from %s except all select %s from %s)"
        .formatted(ANSWER, one, ANSWER, other);
  }

  @Test
  void aJarOnAnotherSparkSaysSo() throws Exception {
    refused(
        jars("target/spark-3.5"),
        "job/target/questspark-job.jar",
        "This jar was built for Spark 4.1, this is Spark 3.5.",
        "questspark-spark-3.5_2.13 fits (./mvnw package -P spark-3.5)");
    refused(
        jars("target"),
        "job/target/spark-3.5/questspark-job-spark-3.5.jar",
        "This jar was built for Spark 3.5, this is Spark 4.1.",
        "questspark-spark-4.1_2.13 fits (./mvnw package).");
  }

  private static Path jars(String build) {
    return RunScript.HOME.resolve("submit").resolve(build).resolve("spark/jars");
  }

  private void refused(Path spark, String jar, String... sentence) throws Exception {
    RunScript ended =
        RunScript.start(
            folder,
            Map.of(),
            List.of(
                System.getProperty("java.home") + "/bin/java",
                "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
                "-cp",
                spark + "/*",
                "org.apache.spark.deploy.SparkSubmit",
                "--class",
                "dev.questspark.job.LongDocJob",
                RunScript.HOME.resolve(jar).toString(),
                "--model",
                "anything"));
    assertThat(ended.code()).as(ended.out() + ended.err()).isEqualTo(2);
    assertThat(ended.err()).contains(sentence).doesNotContain("\tat ");
  }

  @Test
  void theJarIsThatOfSparkHome() throws Exception {
    // A Spark home's own spark-submit is in no artifact of Maven Central: this one shows its line.
    Path home = home("spark-core_2.13-3.5.6.jar");
    Path submit = Files.createDirectories(home.resolve("bin")).resolve("spark-submit");
    Files.writeString(submit, "#!/bin/sh\necho \"$@\"\n");
    assertThat(submit.toFile().setExecutable(true)).isTrue();
    RunScript ended = RunScript.run(folder, Map.of("SPARK_HOME", home.toString()), "demo");
    assertThat(ended.code()).as(ended.err()).isZero();
    assertThat(ended.out())
        .contains(
            "questspark-job-spark-3.5.jar",
            "spark.executor.defaultJavaOptions=--add-modules=jdk.incubator.vector");
  }

  @Test
  void aSparkWithoutABuildIsOneSentence() throws Exception {
    assertThat(refusal("spark-core_2.13-4.0.1.jar")).contains("no build for Spark 4.0");
    assertThat(refusal("spark-core_2.12-3.5.6.jar")).contains("Scala 2.12", "Scala 2.13");
    assertThat(refusal("spark-core_2.13-4.1.0.jar", "--spark", "3.5"))
        .contains("Spark 3.5 is asked for", "Spark 4.1");
    assertThat(refusal("nothing.jar")).contains("no jars/spark-core_*.jar");
  }

  private String refusal(String core, String... wanted) throws Exception {
    List<String> args = new ArrayList<>(List.of("demo"));
    args.addAll(List.of(wanted));
    RunScript ended =
        RunScript.run(
            folder, Map.of("SPARK_HOME", home(core).toString()), args.toArray(String[]::new));
    assertThat(ended.code()).as(ended.out() + ended.err()).isEqualTo(2);
    return ended.err();
  }

  /** A folder that looks like a Spark home. */
  private Path home(String core) throws IOException {
    Path home = folder.resolve(core.replace(".jar", ""));
    Files.createDirectories(home.resolve("jars"));
    Files.createFile(home.resolve("jars").resolve(core));
    return home;
  }
}
