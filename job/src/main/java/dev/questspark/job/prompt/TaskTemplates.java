package dev.questspark.job.prompt;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.options.Choices.Task;
import dev.questspark.job.options.JobKeys;
import dev.questspark.job.options.JobOptions;
import dev.questspark.job.options.OptionKey;
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
   * @throws ConfigException when a file cannot be read or has no {{document}}, or when the options
   *     about the prompt contradict each other
   */
  public static TaskTemplates of(JobOptions options) {
    boolean summarize = options.get(JobKeys.TASK) == Task.SUMMARIZE;
    String task = summarize ? "summarize" : "qa";
    String own = file(options, JobKeys.PROMPT_TEMPLATE);
    String ownCombine = file(options, JobKeys.COMBINE_TEMPLATE);
    if (options.given(JobKeys.SYSTEM_PROMPT) && !options.get(JobKeys.APPLY_CHAT_TEMPLATE)) {
      throw new ConfigException(
          "system_prompt "
              + options.origin(JobKeys.SYSTEM_PROMPT)
              + " is a turn of the chat template, which is off; add --apply-chat-template, or write"
              + " the text into --prompt-template.");
    }
    String ask = own == null ? resource(task) : own;
    return new TaskTemplates(
        ask, ownCombine != null ? ownCombine : own != null ? own : resource(task + "-combine"));
  }

  /**
   * Refuses a summary with a template that asks a question, unless a run gives both on purpose.
   *
   * @throws ConfigException naming both and what to do
   */
  public void refuseUnaskedQuestions(JobOptions options) {
    if (options.get(JobKeys.TASK) != Task.SUMMARIZE || !PLACE_OF_QUESTION.matcher(ask).find()) {
      return;
    }
    boolean asked = !options.get(JobKeys.QUESTION).isEmpty() || options.given(JobKeys.QUESTION_COL);
    boolean onPurpose =
        options.askedFor(JobKeys.PROMPT_TEMPLATE) || !options.askedFor(JobKeys.TASK);
    if (!asked || !onPurpose) {
      throw new ConfigException(
          "task is summarize "
              + options.origin(JobKeys.TASK)
              + ", but prompt_template "
              + options.get(JobKeys.PROMPT_TEMPLATE)
              + " "
              + options.origin(JobKeys.PROMPT_TEMPLATE)
              + " asks {{question}}; give --prompt-template a file without it, or use a preset"
              + " without a template.");
    }
  }

  private static String file(JobOptions options, OptionKey<String> key) {
    String path = options.get(key);
    if (path == null) {
      return null;
    }
    String text;
    try {
      text = withoutLastBreak(Files.readString(Path.of(path)));
    } catch (IOException unreadable) {
      throw new ConfigException(
          key + " " + path + " cannot be read; give a UTF-8 text file.", unreadable);
    }
    if (!PLACE_OF_DOCUMENT.matcher(text).find()) {
      throw new ConfigException(
          key + " " + path + " has no " + DOCUMENT + ", where the document is to stand.");
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
