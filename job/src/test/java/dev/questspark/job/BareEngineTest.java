package dev.questspark.job;

import static dev.questspark.job.JobHarness.query;
import static dev.questspark.job.JobHarness.table;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.questspark.engine.Completion;
import dev.questspark.engine.DocumentRequest;
import dev.questspark.engine.Engine;
import dev.questspark.engine.EngineConfig;
import dev.questspark.engine.QuestionRequest;
import dev.questspark.engine.model.SamplingParams;
import dev.questspark.engine.ops.backend.ComputeDType;
import dev.questspark.engine.policy.ReadPolicy;
import dev.questspark.engine.tokens.HfTokenizer;
import dev.questspark.engine.tokens.PromptTemplate;
import dev.questspark.engine.tokens.Tokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The engine alone, no Spark, on a job's documents: what the job adds is order, rows and files, not
 * other answers. Prints what both took, the job with Spark's start, the engine from its opening;
 * {@code -Dquestspark.overhead.documents=N} takes more for a figure worth keeping, the demo's ten
 * again and again.
 */
@Tag("spark")
class BareEngineTest {
  private static final Path HOME = Path.of("..").toAbsolutePath().normalize();
  private static final int DOCUMENTS = Integer.getInteger("questspark.overhead.documents", 3);
  private static final int WARM_UP_DOCUMENTS = 5;
  private static final int MAX_TOKENS = 16;
  private static final ReadPolicy QUEST = ReadPolicy.parse("quest(budget=512)");

  @TempDir Path folder;

  /** Time inside steps of the latest bare engine. */
  private long bareBusyNanos;

  private record Asked(String id, String text, List<String> questions) {}

  @Test
  void theJobGivesTheEnginesOwnAnswers() throws IOException {
    List<Asked> corpus = corpus();
    // The engine's own code is compiled before either clock starts; Spark's start is the job's.
    bare(corpus.subList(0, Math.min(Math.max(WARM_UP_DOCUMENTS, DOCUMENTS / 2), corpus.size())));
    long jobNanos = System.nanoTime();
    List<String> byJob = job(corpus);
    jobNanos = System.nanoTime() - jobNanos;
    long bareNanos = System.nanoTime();
    List<String> byEngine = bare(corpus);
    bareNanos = System.nanoTime() - bareNanos;

    assertThat(byJob).hasSize(corpus.stream().mapToInt(asked -> asked.questions.size()).sum());
    assertThat(byJob).isEqualTo(byEngine);
    System.out.printf(
        Locale.ROOT,
        "data-engine overhead: %d documents, %d answers: job %.1f s, its inference %s s, its engine"
            + " busy for %s s; bare engine %.1f s, busy for %.1f s; ratio %.3f%n",
        corpus.size(),
        byJob.size(),
        jobNanos / 1e9,
        stat("duration_s"),
        stat("engine_busy_share * duration_s"),
        bareNanos / 1e9,
        bareBusyNanos / 1e9,
        (double) jobNanos / bareNanos);
  }

  private String stat(String expression) {
    return query(
            "select round(any_value(%s), 1) from %s"
                .formatted(expression, table(folder.resolve("out"), "stats")))
        .get(0);
  }

  private static List<Asked> corpus() throws IOException {
    List<String> lines = Files.readAllLines(HOME.resolve("demo/corpus/demo.jsonl"));
    List<Asked> corpus = new ArrayList<>();
    for (int i = 0; i < DOCUMENTS; i++) {
      JsonObject json = JsonParser.parseString(lines.get(i % lines.size())).getAsJsonObject();
      corpus.add(
          new Asked(
              "document-" + i,
              json.get("text").getAsString(),
              json.getAsJsonArray("questions").asList().stream()
                  .map(JsonElement::getAsString)
                  .toList()));
    }
    return corpus;
  }

  private List<String> job(List<Asked> corpus) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (Asked asked : corpus) {
      JsonObject json = new JsonObject();
      json.addProperty("id", asked.id);
      json.addProperty("text", asked.text);
      JsonArray questions = new JsonArray();
      asked.questions.forEach(questions::add);
      json.add("question", questions);
      lines.append(json).append('\n');
    }
    Path input = folder.resolve("corpus.jsonl");
    Files.writeString(input, lines.toString());
    Path output = folder.resolve("out");
    JobHarness.Ended ended =
        JobHarness.runOn(
            TestSpark.conf(),
            "--model",
            JobHarness.MODEL.toString(),
            "--prompt-template",
            HOME.resolve("conf/prompts/demo.txt").toString(),
            "--input",
            input.toString(),
            "--output",
            output.toString(),
            "--selectors",
            "quest",
            "--kv-budgets",
            String.valueOf(QUEST.kvBudget().getAsInt()),
            "--sparse-skip-layers",
            "0",
            "--max-tokens",
            String.valueOf(MAX_TOKENS),
            "--dtype",
            "float32",
            "--max-model-len",
            "16384",
            "--kv-cache-memory-bytes",
            "512m");
    assertThat(ended.code()).as(ended.out() + ended.err()).isZero();
    return query(
        "select doc_id, question_id, output_text, kv_bytes_read from "
            + table(output, "answers")
            + " order by doc_id, question_id::int");
  }

  private List<String> bare(List<Asked> corpus) {
    EngineConfig config =
        EngineConfig.builder(JobHarness.MODEL)
            .dtype(ComputeDType.FLOAT32)
            .maxModelLen(16384)
            .kvCacheBytes(512L << 20)
            .threads(2)
            .build();
    Tokenizer tokenizer = HfTokenizer.open(JobHarness.MODEL);
    List<String> answers = new ArrayList<>();
    try (Engine engine = Engine.open(config, tokenizer, step -> {})) {
      PromptTemplate template =
          PromptTemplate.plain(
              Files.readString(HOME.resolve("conf/prompts/demo.txt")).stripTrailing(), tokenizer);
      List<List<CompletableFuture<Completion>>> all = new ArrayList<>();
      for (Asked asked : corpus) {
        List<QuestionRequest> questions =
            asked.questions.stream()
                .map(
                    question ->
                        new QuestionRequest(
                            template.suffix(question),
                            QUEST,
                            false,
                            SamplingParams.greedy(MAX_TOKENS, engine.model().eosTokenIds())))
                .toList();
        all.add(
            engine.submit(new DocumentRequest(asked.id, template.prefix(asked.text), questions)));
      }
      IntStream.range(0, corpus.size())
          .boxed()
          .sorted((a, b) -> corpus.get(a).id.compareTo(corpus.get(b).id))
          .forEach(
              i -> {
                for (int q = 0; q < all.get(i).size(); q++) {
                  Completion done = all.get(i).get(q).join();
                  answers.add(
                      "%s|%d|%s|%d"
                          .formatted(corpus.get(i).id, q, done.text(), done.reads().bytesRead()));
                }
              });
      bareBusyNanos = engine.report().work().busyNanos();
    } catch (IOException unreadable) {
      throw new java.io.UncheckedIOException(unreadable);
    }
    return answers;
  }
}
