package dev.questspark.job.infer;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.Task;
import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.JobOptions;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The templates of a task, with {@code {{document}}} and {@code {{question}}}; the line break at
 * the end of a template's file is not part of it.
 *
 * @param ask over a document, or a chunk of it
 * @param combine over the partial answers of map_reduce, which stand where the document stood
 */
public record PromptTexts(String ask, String combine) implements Serializable {

  /**
   * The user's template, or the task's own.
   *
   * @throws ConfigException when the file cannot be read
   */
  public static PromptTexts of(JobOptions options) {
    String task = options.get(JobKeys.TASK) == Task.QA ? "qa" : "summarize";
    String own = file(options.get(JobKeys.PROMPT_TEMPLATE));
    String ownCombine = file(options.get(JobKeys.COMBINE_TEMPLATE));
    String ask = own == null ? resource(task) : own;
    return new PromptTexts(
        ask, ownCombine != null ? ownCombine : own != null ? own : resource(task + "-combine"));
  }

  private static String file(String path) {
    if (path == null) {
      return null;
    }
    try {
      return withoutLastBreak(Files.readString(Path.of(path)));
    } catch (IOException unreadable) {
      throw new ConfigException(
          "Prompt template " + path + " cannot be read; give a UTF-8 text file.", unreadable);
    }
  }

  private static String resource(String name) {
    String path = "/dev/questspark/job/prompts/" + name + ".txt";
    try (InputStream in = PromptTexts.class.getResourceAsStream(path)) {
      return withoutLastBreak(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException broken) {
      throw new IllegalStateException("the jar has no readable " + path, broken);
    }
  }

  private static String withoutLastBreak(String text) {
    return text.replaceFirst("\r?\n\\z", "");
  }
}
