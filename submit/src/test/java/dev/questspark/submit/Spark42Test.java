package dev.questspark.submit;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The build for Spark 4.2: the job by run.sh, and SQL with the published jar. */
@Tag("spark-4.2")
class Spark42Test {
  private static final int DOCUMENTS = 3;

  @TempDir static Path folder;

  private static Path output;

  @BeforeAll
  static void answerTheDemo() throws Exception {
    Path corpus = folder.resolve("corpus.jsonl");
    List<String> demo = Files.readAllLines(RunScript.HOME.resolve("demo/corpus/demo.jsonl"));
    Files.write(corpus, demo.subList(0, DOCUMENTS));
    output = folder.resolve("answers-of-demo");
    RunScript ended =
        RunScript.run(
            folder,
            "demo",
            "--spark",
            "4.2",
            "--input",
            corpus.toString(),
            "--output",
            output.toString());
    assertThat(ended.code()).as(ended.out() + ended.err()).isZero();
  }

  @Test
  void theJobAnswers() throws Exception {
    assertThat(Files.readString(output.resolve("run.json"))).contains("\"spark_version\": \"4.2.");
    String answers = "read_parquet('" + output.resolve("answers") + "/*.parquet')";
    assertThat(DuckDb.cell("select count(*) from " + answers + " where status = 'ok'"))
        .isEqualTo(DuckDb.cell("select count(*) from " + answers))
        .isGreaterThan(2 * DOCUMENTS);
  }

  /** The shapes of queries whose plans our rules change, and options in views of both kinds. */
  @Test
  void theFunctionsAnswer() throws Exception {
    PublishedJar jar = PublishedJar.of("4.2", List.of("-P", "spark-4.2"), folder);
    String call = "ai_answer(text, 'What is the gate code of the silver otter?', max_tokens => 8)";
    RunScript ended =
        jar.answers(
            RunScript.HOME.resolve("submit/target/spark-4.2/spark/jars"),
            "create table texts using parquet as select id, concat('The gate code of the silver otter"
                + " is 4000', id, '. ') as text from range(0, 3, 1, 1)",
            "select " + call + " from texts order by id limit 2",
            "select coalesce(if(id = 1, null, 'known'), " + call + ") from texts order by id",
            "select ai_answer(text, array('What is the gate code of the silver otter?', null),"
                + " map('max_tokens', '8')) from texts where id = 0",
            "select " + call.replace("text", "max(text)") + " from texts",
            "set spark.questspark.max_tokens=8",
            "create view asked as select ai_answer(text,"
                + " 'What is the gate code of the silver otter?') as a from texts where id = 2",
            "create temporary view askedhere as select a from asked",
            "set spark.questspark.max_tokens=1",
            "select a from askedhere");
    assertThat(PublishedJar.rows(ended))
        .containsExactly(
            " 40000",
            " 40001",
            "known",
            " 40001",
            "known",
            "ArraySeq( 40000, null)",
            " 40002",
            "spark.questspark.max_tokens|8",
            "spark.questspark.max_tokens|1",
            " 40002");
  }
}
