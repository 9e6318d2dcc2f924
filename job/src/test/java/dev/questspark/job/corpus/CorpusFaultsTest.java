package dev.questspark.job.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.TestSpark;
import dev.questspark.job.model.MirrorFileSystem;
import dev.questspark.job.options.keys.CorpusKeys;
import dev.questspark.job.options.resolve.CommandLineFlags;
import dev.questspark.job.options.resolve.OptionResolver;
import dev.questspark.job.partition.CorpusSurvey;
import dev.questspark.job.partition.PartitionedCorpus;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.zip.GZIPOutputStream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Corpora as people have them: no record is lost, none takes another's place, in silence. */
@Tag("spark")
class CorpusFaultsTest {
  private static final SparkSession SPARK = TestSpark.session();
  private static final Path FIXTURES =
      Path.of("src", "test", "resources", "inputs").toAbsolutePath();

  /** A text and a question, as fields of a JSON object. */
  private static final String REST = "\"text\": \"The code is 7.\", \"question\": \"What is it?\"";

  @TempDir Path folder;
  private final List<String> notices = new ArrayList<>();

  private Path file(String name, String content) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, content);
  }

  private List<Document> read(Path input, String... more) {
    List<String> args = new ArrayList<>(List.of("--input", input.toString()));
    args.addAll(List.of(more));
    return readOf(args.toArray(String[]::new));
  }

  private List<Document> readOf(String... args) {
    try (CorpusReader reader =
        new CorpusReader(
            SPARK,
            CorpusKeys.bind(OptionResolver.resolve(CommandLineFlags.parse(args), List.of())),
            notices::add)) {
      Dataset<Row> records = reader.read();
      return PartitionedCorpus.of(
              records, CorpusSurvey.plan(records, 2, 4, 1, 16, Collections.emptyIterator()))
          .collect();
    }
  }

  private void refused(String sentence, Path input, String... more) {
    assertThatThrownBy(() -> read(input, more))
        .isInstanceOf(ConfigException.class)
        .message()
        .contains(sentence)
        .hasLineCount(1);
  }

  /** Ids, each with the code of what is wrong with its document. */
  private static List<String> codes(List<Document> documents) {
    return documents.stream()
        .map(
            document ->
                document.id()
                    + document.defect().map(defect -> " " + defect.code().name()).orElse(" ok"))
        .sorted()
        .toList();
  }

  private static String message(List<Document> documents, ErrorCode code) {
    return documents.stream()
        .flatMap(document -> document.defect().stream())
        .filter(defect -> defect.code() == code)
        .findFirst()
        .orElseThrow()
        .message();
  }

  private static List<String> asked(List<Document> documents, String id) {
    return documents.stream()
        .filter(document -> id.equals(document.id()))
        .flatMap(document -> document.questions().stream())
        .map(question -> String.valueOf(question.text()))
        .toList();
  }

  // ---- A1: what stands behind an object

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

  // ---- A2, A14: CSV by name

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

  // ---- A6: folders of several formats

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

  // ---- A7: arrays

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

  // ---- A8: characters outside the BMP

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

  // ---- A9: texts that are no texts

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

  // ---- A10, A11: what nobody asked for, and what one record does

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

  // ---- A16: ids, compressed texts

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
