package dev.questspark.job.corpus;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.job.TestSpark;
import dev.questspark.job.options.keys.CorpusKeys;
import dev.questspark.job.options.resolve.CommandLineFlags;
import dev.questspark.job.options.resolve.OptionResolver;
import dev.questspark.job.partition.CorpusSurvey;
import dev.questspark.job.partition.PartitionedCorpus;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.io.TempDir;

/** Reads a corpus as a run does, and says what came of its documents. */
abstract class CorpusCase {
  static final SparkSession SPARK = TestSpark.session();
  static final Path FIXTURES = Path.of("src", "test", "resources", "inputs").toAbsolutePath();

  /** A text and a question, as fields of a JSON object. */
  static final String REST = "\"text\": \"The code is 7.\", \"question\": \"What is it?\"";

  @TempDir Path folder;
  final List<String> notices = new ArrayList<>();

  Path file(String name, String content) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.writeString(file, content);
  }

  List<Document> read(Path input, String... more) {
    List<String> args = new ArrayList<>(List.of("--input", input.toString()));
    args.addAll(List.of(more));
    return readOf(args.toArray(String[]::new));
  }

  List<Document> readOf(String... args) {
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

  void refused(String sentence, Path input, String... more) {
    assertThatThrownBy(() -> read(input, more))
        .isInstanceOf(ConfigException.class)
        .message()
        .contains(sentence)
        .hasLineCount(1);
  }

  /** Ids, each with the code of what is wrong with its document. */
  static List<String> codes(List<Document> documents) {
    return documents.stream()
        .map(
            document ->
                document.id()
                    + document.defect().map(defect -> " " + defect.code().name()).orElse(" ok"))
        .sorted()
        .toList();
  }

  static String message(List<Document> documents, ErrorCode code) {
    return documents.stream()
        .flatMap(document -> document.defect().stream())
        .filter(defect -> defect.code() == code)
        .findFirst()
        .orElseThrow()
        .message();
  }

  static List<String> asked(List<Document> documents, String id) {
    return documents.stream()
        .filter(document -> id.equals(document.id()))
        .flatMap(document -> document.questions().stream())
        .map(question -> String.valueOf(question.text()))
        .toList();
  }
}
