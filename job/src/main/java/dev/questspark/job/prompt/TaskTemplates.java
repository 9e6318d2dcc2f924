package dev.questspark.job.prompt;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.Task;
import dev.questspark.job.options.PromptOptions;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

/**
 * The templates of a task, with {@code {{document}}} and {@code {{question}}}; the line break at
 * the end of a template's file is not part of it.
 *
 * @param ask over a document, or a chunk of it
 * @param combine over the partial answers of map_reduce, which stand where the document stood
 */
public record TaskTemplates(String ask, String combine) implements Serializable {

  private static final String DOCUMENT = "{{document}}";
  private static final Pattern PLACE_OF_DOCUMENT = Pattern.compile("\\{\\{\\s*document\\s*}}");
  private static final Pattern PLACE_OF_QUESTION = Pattern.compile("\\{\\{\\s*question\\s*}}");

  /**
   * The user's template, or the task's own.
   *
   * @throws ConfigException when a file cannot be read or has no {{document}}
   */
  public static TaskTemplates of(PromptOptions options) {
    String task = options.task() == Task.SUMMARIZE ? "summarize" : "qa";
    String own = file("prompt_template", options.template());
    String ownCombine = file("combine_template", options.combineTemplate());
    String ask = own == null ? resource(task) : own;
    return new TaskTemplates(
        ask, ownCombine != null ? ownCombine : own != null ? own : resource(task + "-combine"));
  }

  /** Whether the template over a document has a place for a question. */
  public boolean asksQuestion() {
    return PLACE_OF_QUESTION.matcher(ask).find();
  }

  /**
   * A template's text; null without a path.
   *
   * @param option named in the refusal
   */
  private static String file(String option, String path) {
    if (path == null) {
      return null;
    }
    String text;
    try {
      text = withoutLastBreak(Files.readString(Path.of(path)));
    } catch (IOException unreadable) {
      throw new ConfigException(
          option + " " + path + " cannot be read; give a UTF-8 text file.", unreadable);
    }
    if (!PLACE_OF_DOCUMENT.matcher(text).find()) {
      throw new ConfigException(
          option + " " + path + " has no " + DOCUMENT + ", where the document is to stand.");
    }
    return text;
  }

  private static String resource(String name) {
    String path = "/dev/questspark/job/prompts/" + name + ".txt";
    try (InputStream in = TaskTemplates.class.getResourceAsStream(path)) {
      return withoutLastBreak(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (IOException broken) {
      throw new IllegalStateException("the jar has no readable " + path, broken);
    }
  }

  private static String withoutLastBreak(String text) {
    return text.replaceFirst("\r?\n\\z", "");
  }
}
