package dev.questspark.job.eval.suite;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.eval.EvalDocument.Aim;
import dev.questspark.job.eval.EvalDocument.EvalQuestion;
import dev.questspark.job.eval.EvalDocument.Prompt;
import dev.questspark.job.eval.EvalDocument.Scoring;
import dev.questspark.job.eval.score.Metric;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;

/**
 * A LongBench folder as published (arXiv 2308.14508): {@code <task>.jsonl} with input, context,
 * answers and all_classes, and the benchmark's {@code dataset2prompt.json} beside them. Metric,
 * answer length and chat wrap per task are in {@code conf/longbench/tasks.conf}; a context over
 * max_model_len loses its middle, as the benchmark has it, unless {@code on_too_long} is given.
 */
final class LongBenchSuite {
  private static final String NAME = "longbench";

  private static final String TASKS = "/dev/questspark/job/longbench/tasks.conf";
  private static final String PROMPTS = "dataset2prompt.json";

  private LongBenchSuite() {}

  static List<EvalDocument> documents(SuiteInput input) {
    Config tasks = tasks();
    List<EvalDocument> documents = new ArrayList<>();
    for (Path file : JsonLines.files(input.options().input())) {
      String task = file.getFileName().toString().replaceFirst("(_e)?\\.jsonl$", "");
      if (!tasks.hasPath(quoted(task))) {
        throw new ConfigException(
            file
                + ": task "
                + task
                + " has no entry in conf/longbench/tasks.conf (Chinese tasks whose score needs a"
                + " word segmenter are left out); known: "
                + String.join(", ", tasks.root().keySet().stream().sorted().toList()));
      }
      Config settings = tasks.getConfig(quoted(task));
      String template = template(file, task);
      int number = 0;
      for (JsonObject line : JsonLines.read(file)) {
        documents.add(document(task, number++, settings, template, line, file));
      }
    }
    return documents;
  }

  private static EvalDocument document(
      String task, int number, Config settings, String template, JsonObject line, Path file) {
    return new EvalDocument(
        task + "-" + number,
        NAME,
        task,
        Aim.GIVEN,
        new Prompt(template, settings.getBoolean("chat"), settings.getInt("max_tokens")),
        new Scoring(
            Metric.of(settings.getString("metric")).word(),
            JsonLines.texts(line, "all_classes"),
            settings.getBoolean("first_line_only")),
        JsonLines.text(line, "context", file),
        List.of(
            new EvalQuestion(
                JsonLines.text(line, "input", file), JsonLines.texts(line, "answers"))));
  }

  /** The benchmark writes {context} and {input}. */
  private static String template(Path file, String task) {
    Path prompts = file.toAbsolutePath().resolveSibling(PROMPTS);
    try {
      JsonObject all = JsonParser.parseString(Files.readString(prompts)).getAsJsonObject();
      return JsonLines.text(all, task, prompts)
          .replaceAll("\\{context}", Matcher.quoteReplacement("{{document}}"))
          .replaceAll("\\{input}", Matcher.quoteReplacement("{{question}}"));
    } catch (IOException | RuntimeException missing) {
      throw new ConfigException(
          "LongBench's prompts are read from "
              + prompts
              + ", which cannot be used ("
              + missing.getMessage()
              + "); copy it there from the benchmark's config folder",
          missing);
    }
  }

  private static Config tasks() {
    try (var in =
        new InputStreamReader(
            LongBenchSuite.class.getResourceAsStream(TASKS), StandardCharsets.UTF_8)) {
      return ConfigFactory.parseReader(in);
    } catch (IOException broken) {
      throw new IllegalStateException("the jar has no readable " + TASKS, broken);
    }
  }

  private static String quoted(String task) {
    return "\"" + task + "\"";
  }
}
