package dev.questspark.job.corpus;

import static org.assertj.core.api.Assertions.assertThat;

import dev.questspark.engine.failure.ErrorCode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Files as people have them: no record is lost, none takes another's place, in silence. */
@Tag("spark")
class CorpusFaultsTest extends CorpusCase {

  // ---- what stands behind an object

  @Test
  void nothingBehindTheFirstObjectOfALineIsLost() throws IOException {
    String good = "{\"id\": \"a\", " + REST + "}";
    Path input =
        file(
            "lines.jsonl",
            good
                + "\n"
                + good.replace("\"a\"", "\"b\"")
                + " "
                + good.replace("\"a\"", "\"c\"")
                + "\n"
                + good.replace("\"a\"", "\"d\"")
                + "}garbage\n"
                + good.replace("\"a\"", "\"e\"")
                + " // a remark\n" // the neighbour
                + good.replace("\"a\"", "\"f\"")
                + " \t\r\n");
    List<Document> documents = read(input);
    assertThat(codes(documents))
        .containsExactly(
            "a ok",
            "f ok",
            "null MALFORMED_RECORD",
            "null MALFORMED_RECORD",
            "null MALFORMED_RECORD");
    assertThat(message(documents, ErrorCode.MALFORMED_RECORD))
        .contains("text after the object", "lines.jsonl, the line at byte ");
  }

  @Test
  void filesThatAreSplitGiveEachLineOnce() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 2_000; i++) {
      String end = i % 3 == 0 ? "\r\n" : i % 3 == 1 ? "\n" : "\r";
      lines
          .append("{\"id\": %d, \"question\": \"q\", \"text\": \"".formatted(i))
          .append("x".repeat(i % 97 * 100))
          .append("y\"}")
          .append(end);
    }
    List<Document> documents = read(file("split.jsonl", lines.toString()));
    assertThat(documents).hasSize(2_000).allMatch(document -> document.defect().isEmpty());
    assertThat(documents.stream().map(Document::id).distinct()).hasSize(2_000);
  }

  // ---- CSV by name

  @Test
  void csvColumnsAreMatchedByNameInEachFile() throws IOException {
    file("csv/a.csv", "id,text,question\na,The code is 1.,What is it?\n");
    file("csv/b.csv", "question,id,text\nWhat else?,b,The code is 2.\n");
    file("csv/c.csv", "text,extra,question,id\nThe code is 3.,x,Who?,c\n"); // the neighbour
    List<Document> documents = read(folder.resolve("csv"));
    assertThat(codes(documents)).containsExactly("a ok", "b ok", "c ok");
    assertThat(asked(documents, "b")).containsExactly("What else?");
    assertThat(asked(documents, "c")).containsExactly("Who?");
    file("csv/d.csv", "id,body,question\nd,The code is 4.,Who?\n");
    refused("d.csv has no column 'text' (it has: id, body, question)", folder.resolve("csv"));
  }

  @Test
  void aByteOrderMarkBeforeAQuotedHeaderIsNoPartOfIt() throws IOException {
    String quoted = "\uFEFF\"id\",\"text\",\"question\"\r\n\"a\",\"The code is 1.\",\"Who?\"\r\n";
    assertThat(codes(read(file("bom.csv", quoted)))).containsExactly("a ok");
    file("two/a.csv", quoted);
    file("two/b.csv", "\uFEFFid\ttext\tquestion\nb\tT.\tWho?\n".replace('\t', ','));
    assertThat(codes(read(folder.resolve("two")))).containsExactly("a ok", "b ok");
    String line = "\uFEFF{\"id\": \"%s\", " + REST + "}\n";
    file("marked/a.jsonl", line.formatted("a"));
    file("marked/b.jsonl", line.formatted("b"));
    assertThat(codes(read(folder.resolve("marked")))).containsExactly("a ok", "b ok");
  }

  @Test
  void anUnclosedQuoteSaysHowManyLinesItTook() throws IOException {
    List<Document> documents =
        read(
            file(
                "open.csv",
                "id,text,question\nx,T.,Who?\na,\"open T.,Who?\nb,T.,Who?\nc,T.,Who?\n"));
    assertThat(codes(documents)).containsExactly("null MALFORMED_RECORD", "x ok");
    assertThat(message(documents, ErrorCode.MALFORMED_RECORD))
        .contains("a quote opened in line 3 is not closed", "the 4 lines", "open.csv, line 3");
    List<Document> closed =
        read(file("behind.csv", "id,text,question\na,\"T.\"x,Who?\nb,T.,Who?\n"));
    assertThat(codes(closed)).containsExactly("b ok", "null MALFORMED_RECORD");
    assertThat(message(closed, ErrorCode.MALFORMED_RECORD)).contains("text after a closing quote");
  }

  @Test
  void csvMayHaveOtherSeparators() throws IOException {
    Path semicolons = file("s.csv", "id;text;question\na;T., and more;Who?\n");
    assertThat(codes(read(semicolons, "--input-option", "sep=;"))).containsExactly("a ok");
    refused("If cells are separated by ;, give --input-option sep=';'", semicolons);
    assertThat(codes(read(file("t.tsv", "id\ttext\tquestion\na\tT., x\tWho?\n"))))
        .containsExactly("a ok");
    Path escaped = file("e.csv", "id,text,question\na,\"say \\\"no\\\", once\",Who?\n");
    assertThat(read(escaped, "--input-option", "escape=\\").get(0).text())
        .isEqualTo("say \"no\", once");
    refused("--input-option header is not known for csv", escaped, "--input-option", "header=no");
  }

  // ---- folders of several formats

  @Test
  void aFolderThatMixesFormatsIsRefusedOrReadByName() throws IOException {
    file("mixed/data.jsonl", "{\"id\": \"a\", " + REST + "}\n");
    file("mixed/README.md", "About the data.");
    refused(
        "mixes formats: 1 of text files (such as README.md), 1 of JSON lines (such as data.jsonl)",
        folder.resolve("mixed"),
        "--question",
        "What?");
    assertThat(codes(read(folder.resolve("mixed"), "--input-format", "json")))
        .containsExactly("a ok");
    assertThat(notices).containsExactly("left out of the input: README.md (no name of JSON lines)");
    file("mixed/more.csv", "id,text,question\n"); // the neighbour
    Files.delete(folder.resolve("mixed/README.md"));
    refused("mixes formats", folder.resolve("mixed"));
    assertThat(codes(read(folder.resolve("mixed").resolve("*.jsonl")))).containsExactly("a ok");
  }

  @Test
  void aTablesFilesAreNotTakenForItsRows() throws IOException {
    file("delta/_delta_log/00000000000000000000.json", "{}");
    Files.copy(FIXTURES.resolve("id-as-text.parquet"), folder.resolve("delta/part-0.parquet"));
    refused(
        "is a table of delta, whose files are not its rows; read it with --input-format delta",
        folder.resolve("delta"),
        "--input-format",
        "parquet");
    file("lake/sub/.hoodie/hoodie.properties", "");
    refused("holds a hudi table in sub", folder.resolve("lake"), "--question", "What?");
    file("ice/metadata/v1.metadata.json", "{}");
    refused("is a table of iceberg", folder.resolve("ice"), "--input-format", "parquet");
  }

  @Test
  void whatIsLeftOutIsNamed() throws IOException {
    file("texts/_intro.txt", "Hidden.");
    file("texts/a.txt", "Text.");
    file("texts/_SUCCESS", "");
    file("texts/.git/config", "x");
    assertThat(codes(read(folder.resolve("texts"), "--question", "Who?")))
        .containsExactly("a.txt ok");
    assertThat(notices)
        .singleElement()
        .asString()
        .contains("_intro.txt", ".git", "names that begin with _ or .")
        .doesNotContain("_SUCCESS");
  }

  @Test
  void nestedFoldersAndFoldersOfColumnsAreRead() throws IOException {
    file("years/year=2025/a.jsonl", "{\"id\": \"a\", " + REST + "}\n");
    file("years/year=2026/lang=d%25e/b.jsonl", "{\"id\": \"b\", " + REST + "}\n");
    List<Document> documents = read(folder.resolve("years"), "--keep-columns", "year");
    assertThat(codes(documents)).containsExactly("a ok", "b ok");
    assertThat(documents.stream().collect(Collectors.toMap(Document::id, Document::kept)))
        .isEqualTo(Map.of("a", Map.of("year", "2025"), "b", Map.of("year", "2026")));
  }

  // ---- arrays

  @Test
  void anArrayIsAnArrayWhateverOtherLinesHold() throws IOException {
    String line = "{\"id\": \"%s\", \"text\": \"T.\", \"question\": %s}\n";
    Path input =
        file(
            "arrays.jsonl",
            line.formatted("plain", "\"Who?\"")
                + line.formatted("nulls", "[null, \"Who?\"]")
                + line.formatted("none", "[]")
                + line.formatted("number", "[1, \"Who?\"]")
                + line.formatted("object", "[{\"q\": \"Who?\"}]")
                + line.formatted("spaced", "[ \"Who?\" , \"What?\" ]")
                + line.formatted("looks", "\"[\\\"Who?\\\"]\"") // the neighbour: a text is a text
                + line.formatted("nested", "[[\"Who?\"]]"));
    List<Document> documents = read(input);
    assertThat(codes(documents))
        .containsExactly(
            "looks ok",
            "nested MALFORMED_RECORD",
            "none ok",
            "nulls ok",
            "number MALFORMED_RECORD",
            "object MALFORMED_RECORD",
            "plain ok",
            "spaced ok");
    assertThat(asked(documents, "nulls")).containsExactly("null", "Who?");
    assertThat(asked(documents, "none")).containsExactly("null");
    assertThat(asked(documents, "spaced")).containsExactly("Who?", "What?");
    assertThat(asked(documents, "looks")).containsExactly("[\"Who?\"]");
  }

  @Test
  void nestedColumnsAndArraysOfObjects() throws IOException {
    Path input =
        file(
            "nested.jsonl",
            """
            {"meta": {"id": "a"}, "text": "T.", "asked": [{"q": "Who?", "a": "me"}, {"a": "x"}]}
            {"meta": {"id": "b"}, "text": "T.", "asked": {"q": "What?", "a": 7}}
            {"meta.id": "c", "text": "T.", "asked": [{"q": 5}]}
            """);
    List<Document> documents =
        read(input, "--id-col", "meta.id", "--question-col", "asked.q", "--answer-col", "asked.a");
    assertThat(codes(documents)).containsExactly("a ok", "b ok", "c MALFORMED_RECORD");
    assertThat(asked(documents, "a")).containsExactly("Who?", "null");
    List<Document> parquet =
        read(
            FIXTURES.resolve("nested.parquet"),
            "--id-col",
            "meta.id",
            "--text-col",
            "body.text",
            "--question-col",
            "asked.q",
            "--answer-col",
            "asked.a");
    assertThat(codes(parquet)).containsExactly("1 ok", "2 ok");
    assertThat(parquet.stream().filter(d -> d.id().equals("1")).findFirst().get().questions())
        .containsExactly(
            new Question(0, "What is the code?", "71932"), new Question(1, "Who?", null));
  }

  // ---- characters outside the BMP

  @Test
  void idsKeepTheirFirstCharactersBelowAnyPath() throws IOException {
    for (String name : List.of("\uD83D\uDCDAbooks", "{a}[b] *?:\u00fc%20+", "𝔘")) {
      file(name + "/a.txt", "Text.");
      file(name + "/sub \uD83D\uDE00/b%41.txt", "Text.");
      assertThat(codes(read(folder.resolve(name), "--question", "Who?")))
          .as(name)
          .containsExactly("a.txt ok", "sub \uD83D\uDE00/b%41.txt ok");
    }
  }

  @Test
  void everyFormatIsReadFromAnyPath() throws IOException {
    String name = "{a}[b] *?:ü%20+\uD83D\uDCDA";
    file(name + "/j/x.jsonl", "{\"id\": \"a\", " + REST + "}\n");
    file(name + "/c/x.csv", "id,text,question\na,T.,Who?\n");
    Files.createDirectories(folder.resolve(name + "/p"));
    Files.copy(FIXTURES.resolve("id-as-text.parquet"), folder.resolve(name + "/p/x[1].parquet"));
    assertThat(codes(read(folder.resolve(name + "/j")))).containsExactly("a ok");
    assertThat(codes(read(folder.resolve(name + "/c/x.csv")))).containsExactly("a ok");
    assertThat(codes(read(folder.resolve(name + "/p")))).containsExactly("007 ok");
    refused("does not exist: there is no such path, and as a pattern", folder.resolve("no[t]here"));
  }

  @Test
  void severalInputsAreOneCorpus() throws IOException {
    file("one/a.txt", "Text.");
    file("two/a.txt", "Text.");
    assertThat(
            codes(
                readOf(
                    "--input",
                    folder.resolve("one").toString(),
                    "--input",
                    folder.resolve("two").toString(),
                    "--question",
                    "Who?")))
        .containsExactly("one/a.txt ok", "two/a.txt ok");
  }
}
