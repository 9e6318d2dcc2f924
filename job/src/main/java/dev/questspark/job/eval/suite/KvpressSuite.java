package dev.questspark.job.eval.suite;

import com.google.gson.JsonObject;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.eval.EvalDocument.Aim;
import dev.questspark.job.eval.EvalDocument.EvalQuestion;
import dev.questspark.job.eval.EvalDocument.Prompt;
import dev.questspark.job.eval.EvalDocument.Scoring;
import dev.questspark.job.eval.score.Metric;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON lines with kvpress's columns: context, question, answer_prefix, answer, max_new_tokens;
 * optionally task, and metric (match_all without it, as RULER). Lines of one context are one
 * document.
 */
final class KvpressSuite {
  private KvpressSuite() {}

  private record Group(String context, String task, String metric, int maxTokens) {}

  static List<EvalDocument> documents(SuiteInput input) {
    List<EvalDocument> documents = new ArrayList<>();
    for (Path file : JsonLines.files(input.options().input())) {
      Map<Group, List<EvalQuestion>> groups = new LinkedHashMap<>();
      for (JsonObject line : JsonLines.read(file)) {
        Group group =
            new Group(
                JsonLines.text(line, "context", file),
                line.has("task") ? JsonLines.text(line, "task", file) : "kvpress",
                line.has("metric")
                    ? Metric.of(JsonLines.text(line, "metric", file)).word()
                    : Metric.MATCH_ALL.word(),
                newTokens(line, file));
        String prefix =
            line.has("answer_prefix") ? JsonLines.text(line, "answer_prefix", file) : "";
        groups
            .computeIfAbsent(group, g -> new ArrayList<>())
            .add(
                new EvalQuestion(
                    JsonLines.text(line, "question", file) + prefix,
                    JsonLines.texts(line, "answer")));
      }
      groups.forEach(
          (group, questions) ->
              documents.add(
                  document(file.getFileName() + "-" + documents.size(), group, questions)));
    }
    return documents;
  }

  private static int newTokens(JsonObject line, Path file) {
    try {
      return (int) Double.parseDouble(JsonLines.text(line, "max_new_tokens", file));
    } catch (NumberFormatException wrong) {
      throw new ConfigException(file + ": max_new_tokens must be a number", wrong);
    }
  }

  private static EvalDocument document(String id, Group group, List<EvalQuestion> questions) {
    return new EvalDocument(
        id,
        "kvpress",
        group.task,
        Aim.GIVEN,
        new Prompt("{{document}}{{question}}", true, group.maxTokens),
        Scoring.by(group.metric),
        group.context,
        questions);
  }
}
