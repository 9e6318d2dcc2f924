package dev.questspark.job.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.model.MirrorFileSystem;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Records as people have them: ids, texts and questions are what was written, or error rows. */
@Tag("spark")
class RecordFaultsTest extends CorpusCase {

  // ---- texts that are no texts

  @Test
  void idsAndQuestionsAreCheckedForUtf8AsTextsAre() {
    assertThat(codes(read(FIXTURES.resolve("bad-utf8-ids.parquet"))))
        .containsExactly("fine ok", "null INVALID_UTF8", "null INVALID_UTF8");
    assertThat(codes(read(FIXTURES.resolve("bad-utf8-question.parquet"))))
        .containsExactly("bad INVALID_UTF8", "fine ok");
  }

  @Test
  void invalidBytesOfAnIdOrAQuestionInCsv() throws IOException {
    Path input = folder.resolve("bytes.csv");
    Files.write(
        input,
        "id,text,question\ncaf\u00e9,T.,Who?\na,T.,caf\u00e9\nb,T.,Who?\n"
            .getBytes(StandardCharsets.ISO_8859_1));
    assertThat(codes(read(input))).containsExactly("a INVALID_UTF8", "b ok", "null INVALID_UTF8");
  }

  @Test
  void halfASurrogatePairIsNoText() throws IOException {
    Path input =
        file(
            "halves.jsonl",
            """
            {"id": "text", "text": "half \\ud83d a pair", "question": "Who?"}
            {"id": "whole", "text": "\\ud83d\\ude00", "question": "Who?"}
            {"id": "question", "text": "T.", "question": "\\ude00 who?"}
            {"id": "id \\ud83d", "text": "T.", "question": "Who?"}
            """);
    assertThat(codes(read(input)))
        .containsExactly(
            "null INVALID_UTF8", "question INVALID_UTF8", "text INVALID_UTF8", "whole ok");
  }

  @Test
  void blankMeansBlankForEveryBlankOfUnicode() throws IOException {
    String line = "{\"id\": \"%s\", \"text\": \"%s\", \"question\": \"Who?\"}\n";
    StringBuilder lines = new StringBuilder(line.formatted("fine", "\\u00a0.\\u3000"));
    List<String> blanks =
        List.of("a0", "85", "1680", "2003", "2007", "202f", "2028", "205f", "3000", "feff", "200b");
    for (String blank : blanks) {
      lines.append(line.formatted(blank, ("\\u%4s".formatted(blank)).replace(' ', '0')));
    }
    lines.append(line.formatted("\\u00a0\\u2007", "no id"));
    assertThat(read(file("blank.jsonl", lines.toString())))
        .filteredOn(document -> document.defect().isPresent())
        .hasSize(blanks.size() + 1);
  }

  // ---- what nobody asked for, and what one record does

  @Test
  void onlyNamedColumnsOfParquetAreRead() {
    assertThat(codes(read(FIXTURES.resolve("unused-columns.parquet")))).containsExactly("a ok");
    refused(
        "Column 'key' of file " + FIXTURES.resolve("unused-columns.parquet") + " has the Parquet",
        FIXTURES.resolve("unused-columns.parquet"),
        "--id-col",
        "key");
  }

  @Test
  void parquetColumnsAreMatchedByNameInEachFile() throws IOException {
    Path input = Files.createDirectory(folder.resolve("types"));
    for (String name : List.of("id-as-number", "id-as-text", "bad-utf8-question")) {
      Files.copy(FIXTURES.resolve(name + ".parquet"), input.resolve(name + ".parquet"));
    }
    assertThat(codes(read(input))).containsExactly("007 ok", "7 ok", "bad INVALID_UTF8", "fine ok");
    Files.copy(FIXTURES.resolve("without-text.parquet"), input.resolve("w.parquet"));
    refused("w.parquet has no column 'text' (it has: id, question)", input);
  }

  @Test
  void aRepeatedKeySpoilsItsOwnRecordAlone() throws IOException {
    Path input =
        file(
            "keys.jsonl",
            "{\"id\": \"a\", \"text\": \"first\", "
                + REST
                + "}\n{\"id\": \"b\", \"ID\": \"x\", "
                + REST
                + "}\n{\"id\": \"c\", \"other\": 1, \"Other\": 2, "
                + REST
                + "}\n");
    List<Document> documents = read(input);
    assertThat(codes(documents))
        .containsExactly("c ok", "null MALFORMED_RECORD", "null MALFORMED_RECORD");
    assertThat(documents.stream().flatMap(d -> d.defect().stream()).map(Defect::message))
        .anyMatch(message -> message.contains("Duplicate field 'text'"))
        .anyMatch(message -> message.contains("keys 'id' and 'ID' differ in case alone"));
  }

  // ---- ids, compressed texts

  @Test
  void idsSurviveAsTheyAreWritten() throws IOException {
    StringBuilder lines = new StringBuilder();
    List<String> ids = List.of("1.10", "1.1", "1e3", "1000.0", "1.0000000000000000001", "true");
    ids.forEach(id -> lines.append("{\"id\": ").append(id).append(", " + REST + "}\n"));
    lines.append("{\"id\": \"007\", " + REST + "}\n{\"id\": [1], " + REST + "}\n");
    assertThat(codes(read(file("ids.jsonl", lines.toString()))))
        .containsExactlyInAnyOrder(
            "1.10 ok",
            "1.1 ok",
            "1e3 ok",
            "1000.0 ok",
            "1.0000000000000000001 ok",
            "true ok",
            "007 ok",
            "null MALFORMED_RECORD");
    assertThat(codes(read(FIXTURES.resolve("decimal-ids.parquet"))))
        .containsExactly("1.10 ok", "1.20 ok");
    refused("Column 'id' is of type double", FIXTURES.resolve("double-ids.parquet"));
    assertThat(codes(read(file("ids.csv", "id,text,question\n007,T.,Who?\n7,T.,Who?\n"))))
        .containsExactly("007 ok", "7 ok");
  }

  @Test
  void textsThatAreNoTextsAreErrorRows() throws IOException {
    String line = "{\"id\": \"%s\", \"text\": %s, \"question\": \"Who?\"}\n";
    List<Document> documents =
        read(
            file(
                "kinds.jsonl",
                line.formatted("text", "\"T.\"")
                    + line.formatted("number", "5")
                    + line.formatted("object", "{\"a\": 1}")
                    + line.formatted("array", "[\"T.\"]")
                    + line.formatted("truth", "true")));
    assertThat(codes(documents))
        .containsExactly(
            "array MALFORMED_RECORD",
            "number MALFORMED_RECORD",
            "object MALFORMED_RECORD",
            "text ok",
            "truth MALFORMED_RECORD");
    assertThat(message(documents, ErrorCode.MALFORMED_RECORD))
        .contains("column 'text' holds ", "not a text");
  }

  @Test
  void compressedTextsAreUnpacked() throws IOException {
    for (String name : List.of("text.txt.gz", "page.html.gz")) {
      Path packed = folder.resolve(name.replace('.', '-')).resolve(name);
      Files.createDirectories(packed.getParent());
      try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(packed))) {
        out.write("<p>The code is 7.</p>".getBytes(StandardCharsets.UTF_8));
      }
      assertThat(read(packed.getParent(), "--question", "Who?"))
          .singleElement()
          .satisfies(d -> assertThat(d.text()).contains("The code is 7."));
    }
  }

  // ---- the bound of every format

  @Test
  void aTextBeyondTheBoundIsAnErrorRowInEveryFormat() throws IOException {
    String large = "x".repeat(5_000);
    String[] bound = {"--max-text-characters", "4000"};
    file("l/a.jsonl", "{\"id\": \"a\", \"question\": \"q\", \"text\": \"" + large + "\"}\n");
    file("l/b.jsonl", "{\"id\": \"b\", " + REST + "}\n");
    file("c/a.csv", "id,text,question\na," + large + ",q\nb,T.,q\n");
    file("t/a", large);
    file("t/b", "T.");
    Path parquet = folder.resolve("p.parquet");
    SPARK
        .sql("select 'a' id, '" + large + "' text, 'q' question union select 'b', 'T.', 'q'")
        .write()
        .parquet(parquet.toString());
    List<Path> inputs =
        Arrays.asList(folder.resolve("l"), folder.resolve("c"), folder.resolve("t"), parquet);
    for (Path input : inputs) {
      String[] args =
          input.endsWith("t") ? new String[] {bound[0], bound[1], "--question", "Who?"} : bound;
      assertThat(codes(read(input, args))).containsExactly("a TOO_MUCH_TEXT", "b ok");
    }
  }

  @Test
  void arecordOfMoreBytesThanTheBoundTakesIsNotKept() throws IOException {
    String huge = "y".repeat(3 << 20);
    String[] bound = {"--max-text-characters", "1000"};
    Path lines =
        file(
            "huge.jsonl",
            "{\"id\": \"a\", \"x\": \""
                + huge
                + "\", "
                + REST
                + "}\n{\"id\": \"b\", "
                + REST
                + "}\n");
    Path csv = file("huge.csv", "id,text,question,x\na,T.,q,\"" + huge + "\"\nb,T.,q,\n");
    for (Path input : List.of(lines, csv)) {
      List<Document> documents = read(input, bound);
      assertThat(codes(documents)).containsExactly("b ok", "null TOO_MUCH_TEXT");
      assertThat(message(documents, ErrorCode.TOO_MUCH_TEXT))
          .contains("raise --max-text-characters");
    }
  }

  // ---- tables and other sources

  @Test
  void tablesAndSourcesOfSparkAreInputs() {
    SPARK
        .sql("select 'a' id, 'T.' text, 'Who?' question, named_struct('x', 1) more")
        .write()
        .mode("overwrite")
        .saveAsTable("corpus_faults");
    try {
      List<Document> documents =
          readOf("--input-table", "corpus_faults", "--keep-columns", "more,more.x");
      assertThat(codes(documents)).containsExactly("a ok");
      assertThat(documents.get(0).kept()).isEqualTo(Map.of("more", "{\"x\":1}", "more.x", "1"));
    } finally {
      SPARK.sql("drop table corpus_faults");
    }
    assertThatThrownBy(() -> readOf("--input-table", "nowhere.nothing"))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("nowhere");
    Path orc = folder.resolve("corpus.orc");
    SPARK.sql("select 7 id, 'T.' text, 'Who?' question").write().orc(orc.toString());
    assertThat(codes(read(orc))).containsExactly("7 ok");
    Path xml =
        folder.resolve("corpus.xml"); // a source that this job does not know, with its option
    refused("cannot be read", xml.getParent(), "--input-format", "no.such.source");
  }

  // ---- files that are dear to parse

  @Test
  void filesOfManyKindsAreReadOnce() throws IOException {
    Path opened = folder.resolve("opened");
    MirrorFileSystem.settings(opened)
        .getPropsWithPrefix("")
        .forEach(
            (name, value) -> {
              if (name.contains("mirror")) {
                SPARK.sparkContext().hadoopConfiguration().set(name, value);
              }
            });
    for (int i = 0; i < 5; i++) {
      file("kinds/" + i + ".html", "<p>The code is " + i + ".</p>");
    }
    List<Document> documents =
        readOf("--input", "mirror:" + folder.resolve("kinds"), "--question", "Who?");
    assertThat(documents).hasSize(5).allMatch(document -> document.defect().isEmpty());
    assertThat(Files.readAllLines(opened)).hasSize(5).doesNotHaveDuplicates();
  }
}
