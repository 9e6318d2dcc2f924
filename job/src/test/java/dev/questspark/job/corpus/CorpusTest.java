package dev.questspark.job.corpus;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.TestSpark;
import dev.questspark.job.options.CorpusOptions;
import dev.questspark.job.options.keys.CorpusKeys;
import dev.questspark.job.options.resolve.CommandLineFlags;
import dev.questspark.job.options.resolve.OptionResolver;
import dev.questspark.job.partition.CorpusSurvey;
import dev.questspark.job.partition.PartitionedCorpus;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every input format, with everything that can be wrong in it: rows in = documents out. */
@Tag("spark")
class CorpusTest {
  private static final SparkSession SPARK = TestSpark.session();

  @TempDir Path folder;

  private static CorpusOptions options(Path input, String... more) {
    List<String> args = new ArrayList<>(List.of("--input", input.toString()));
    args.addAll(List.of(more));
    return CorpusKeys.bind(
        OptionResolver.resolve(CommandLineFlags.parse(args.toArray(String[]::new)), List.of()));
  }

  private static List<Document> read(int partitions, Path input, String... more) {
    Dataset<Row> records = new CorpusReader(SPARK, options(input, more), notice -> {}).read();
    return PartitionedCorpus.of(
            records, CorpusSurvey.plan(records, partitions, 4, 1, 16, Collections.emptyIterator()))
        .collect();
  }

  private static Map<String, Document> byId(List<Document> documents) {
    return documents.stream().collect(Collectors.toMap(Document::id, document -> document));
  }

  private static Optional<ErrorCode> code(Document document) {
    return document.defect().map(Defect::code);
  }

  @Test
  void textFolderKeepsRelativePathsAndFindsInvalidBytes() throws IOException {
    Files.createDirectories(folder.resolve("deep/er"));
    Files.writeString(folder.resolve("a.txt"), "Ünïcode\ntext");
    Files.writeString(folder.resolve("deep/er/b c.txt"), "second");
    Files.write(folder.resolve("bad.txt"), new byte[] {'x', (byte) 0xff, 'y'});
    Files.writeString(folder.resolve("empty.txt"), "");
    Files.writeString(folder.resolve("blank.txt"), " \n\t ");

    Map<String, Document> documents =
        byId(read(2, folder, "--question", "Who?", "--question", "Why, then?"));

    assertThat(documents.keySet())
        .containsExactlyInAnyOrder("a.txt", "deep/er/b c.txt", "bad.txt", "empty.txt", "blank.txt");
    assertThat(documents.get("a.txt").text()).isEqualTo("Ünïcode\ntext");
    assertThat(documents.get("a.txt").questions())
        .containsExactly(new Question(0, "Who?", null), new Question(1, "Why, then?", null));
    assertThat(code(documents.get("bad.txt"))).contains(ErrorCode.INVALID_UTF8);
    assertThat(code(documents.get("empty.txt"))).contains(ErrorCode.EMPTY_DOCUMENT);
    assertThat(code(documents.get("blank.txt"))).contains(ErrorCode.EMPTY_DOCUMENT);
  }

  @Test
  void jsonLinesBecomeDocumentsWhateverIsWrongWithThem() throws IOException {
    ByteArrayOutputStream lines = new ByteArrayOutputStream();
    lines.writeBytes(
        """
        {"id": 1, "text": "one", "question": ["q1", null, "q3"], "answer": ["a1", "a2"]}
        {"id": "x", "text": null, "question": ["q"]}
        {"id": null, "text": "no id", "question": ["q"]}
        {"id": "nq", "text": "no question"}
        {"id": "broken", "text":

        {"id": "dup", "text": "first", "question": ["q"]}
        {"id": "dup", "text": "second", "question": ["q", "r"]}
        {"id": "dup", "text": "first", "question": ["q"]}
        """
            .getBytes(StandardCharsets.UTF_8));
    lines.writeBytes(
        "{\"id\": \"bad\", \"question\": [\"q\"], \"text\": \"a".getBytes(StandardCharsets.UTF_8));
    lines.write(0xc3);
    lines.writeBytes("\"}\n".getBytes(StandardCharsets.UTF_8));
    Path file = folder.resolve("corpus.jsonl");
    Files.write(file, lines.toByteArray());

    for (int partitions : new int[] {1, 3, 16}) {
      List<Document> documents = read(partitions, file, "--answer-col", "answer");
      assertThat(documents).hasSize(9);
      assertThat(documents.stream().map(CorpusTest::code).flatMap(Optional::stream))
          .containsExactlyInAnyOrder(
              ErrorCode.EMPTY_DOCUMENT,
              ErrorCode.MISSING_ID,
              ErrorCode.MALFORMED_RECORD,
              ErrorCode.DUPLICATE_ID,
              ErrorCode.DUPLICATE_ID,
              ErrorCode.INVALID_UTF8);
      Document one = documents.stream().filter(d -> "1".equals(d.id())).findFirst().orElseThrow();
      assertThat(one.questions())
          .containsExactly(
              new Question(0, "q1", "a1"),
              new Question(1, null, "a2"),
              new Question(2, "q3", null));
      assertThat(documents)
          .filteredOn(d -> "nq".equals(d.id()))
          .singleElement()
          .satisfies(d -> assertThat(d.questions()).containsExactly(new Question(0, null, null)));
      assertThat(documents)
          .filteredOn(d -> "dup".equals(d.id()) && d.defect().isEmpty())
          .singleElement()
          .satisfies(d -> assertThat(d.text()).isEqualTo("first"));
    }
  }

  @Test
  void csvKeepsLineBreaksQuotesAndBytes() throws IOException {
    Path file = folder.resolve("corpus.csv");
    ByteArrayOutputStream csv = new ByteArrayOutputStream();
    csv.writeBytes(
        """
        id,tëxt,question
        a,"line one
        line ""two"" é",Wo ist ü?
        b,too,many,cells
        """
            .getBytes(StandardCharsets.UTF_8));
    csv.writeBytes("c,".getBytes(StandardCharsets.UTF_8));
    csv.write(0xe9);
    csv.writeBytes(",q\n".getBytes(StandardCharsets.UTF_8));
    Files.write(file, csv.toByteArray());

    List<Document> documents = read(2, file, "--text-col", "tëxt");

    assertThat(documents).hasSize(3);
    assertThat(documents)
        .filteredOn(d -> "a".equals(d.id()))
        .singleElement()
        .satisfies(
            d -> {
              assertThat(d.text()).isEqualTo("line one\nline \"two\" é");
              assertThat(d.questions()).containsExactly(new Question(0, "Wo ist ü?", null));
            });
    assertThat(documents.stream().map(CorpusTest::code).flatMap(Optional::stream))
        .containsExactlyInAnyOrder(ErrorCode.MALFORMED_RECORD, ErrorCode.INVALID_UTF8);
  }

  @Test
  void parquetWithArraysOfQuestions() {
    StructType schema =
        new StructType()
            .add("custom_id", DataTypes.LongType)
            .add("body", DataTypes.StringType)
            .add("ask", DataTypes.createArrayType(DataTypes.StringType));
    Path file = folder.resolve("corpus.parquet");
    SPARK
        .createDataFrame(
            List.of(
                RowFactory.create(7L, "text", new String[] {"q", "r"}),
                RowFactory.create(8L, "text", new String[0]),
                RowFactory.create(9L, null, null)),
            schema)
        .write()
        .parquet(file.toString());

    Map<String, Document> documents =
        byId(read(3, file, "--id-col", "custom_id", "--text-col", "body", "--question-col", "ask"));

    assertThat(documents.keySet()).containsExactlyInAnyOrder("7", "8", "9");
    assertThat(documents.get("7").questions()).hasSize(2);
    assertThat(documents.get("8").questions()).containsExactly(new Question(0, null, null));
    assertThat(code(documents.get("9"))).contains(ErrorCode.EMPTY_DOCUMENT);
  }

  @Test
  void partitionsAreBalanced() {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      lines.add(
          "{\"id\": \"%d\", \"question\": \"q\", \"text\": \"%s\"}"
              .formatted(i, "x".repeat(100 * (i % 13 + 1))));
    }
    Path file = folder.resolve("many.jsonl");
    SPARK.createDataset(lines, Encoders.STRING()).write().text(file.toString());

    Dataset<Row> records =
        new CorpusReader(SPARK, options(file, "--input-format", "json"), notice -> {}).read();
    List<Integer> lengths =
        PartitionedCorpus.of(
                records, CorpusSurvey.plan(records, 4, 9, 1, 1, Collections.emptyIterator()))
            .mapPartitions(
                documents -> {
                  int sum = 0;
                  while (documents.hasNext()) {
                    sum += documents.next().text().length();
                  }
                  return List.of(sum).iterator();
                })
            .collect();

    assertThat(lengths).hasSize(4).allSatisfy(sum -> assertThat(sum).isBetween(6_500, 7_200));
  }

  @Test
  void summariesNeedNoQuestion() throws IOException {
    Path file = folder.resolve("s.jsonl");
    Files.writeString(file, "{\"id\": \"a\", \"text\": \"t\"}\n");
    assertThat(read(1, file, "--task", "summarize").get(0).questions())
        .containsExactly(new Question(0, null, null));
  }

  @Test
  void missingColumnsAreToldBeforeAnyWork() throws IOException {
    Path file = folder.resolve("s.jsonl");
    Files.writeString(file, "{\"id\": \"a\", \"body\": \"t\", \"n\": [[1]]}\n");
    assertThatThrownBy(() -> read(1, file))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("no column 'text'")
        .hasMessageContaining("body, id")
        .hasMessageContaining("--text-col");
    assertThatThrownBy(() -> read(1, file, "--text-col", "body"))
        .hasMessageContaining("no column 'question'")
        .hasMessageContaining("--question");
    assertThatThrownBy(() -> read(1, file, "--text-col", "body", "--question-col", "n"))
        .hasMessageContaining("array of strings");
    assertThatThrownBy(() -> read(1, folder.resolve("nowhere")))
        .hasMessageContaining("does not exist");
  }
}
