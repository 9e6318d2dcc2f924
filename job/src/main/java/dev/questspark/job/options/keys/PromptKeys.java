package dev.questspark.job.options.keys;

import static dev.questspark.job.options.keys.OptionDeclaration.single;
import static dev.questspark.job.options.keys.OptionTypes.boolOr;
import static dev.questspark.job.options.keys.OptionTypes.choice;
import static dev.questspark.job.options.keys.OptionTypes.text;
import static dev.questspark.job.options.keys.Scope.Decides.ANSWERS;
import static dev.questspark.job.options.keys.Scope.Decides.NOTHING;
import static dev.questspark.job.options.keys.Scope.INFERENCE;
import static dev.questspark.job.options.keys.Scope.Query.IN_QUERY;
import static dev.questspark.job.options.keys.Scope.Query.JOB_ONLY;
import static dev.questspark.job.options.keys.Scope.RUN_ONLY;

import dev.questspark.engine.tokens.ChatTurns;
import dev.questspark.job.options.Aspect;
import dev.questspark.job.options.Choices.ApplyChatTemplate;
import dev.questspark.job.options.Choices.OnTooLong;
import dev.questspark.job.options.Choices.Task;
import dev.questspark.job.options.PromptOptions;

/**
 * What a prompt is made of; {@link PromptOptions} has the values. The templates decide answers by
 * their texts, which the parameters' hash holds beside the options.
 */
public final class PromptKeys {
  static final OptionSection SECTION = new OptionSection("Prompt");

  private PromptKeys() {}

  public static final OptionKey<Task> TASK =
      choice("task", Task.class)
          .defaultValue("qa")
          .scope(INFERENCE, ANSWERS, JOB_ONLY)
          .aspect(Aspect.QUESTIONS)
          .description(
              SECTION, "Answer questions, or summarize each document (no question needed).");
  public static final OptionKey<String> PROMPT_TEMPLATE =
      text("prompt_template", "a file with {{document}} in it")
          .scope(INFERENCE, NOTHING, IN_QUERY)
          .aspect(Aspect.TEMPLATE)
          .description(
              SECTION,
              "Template file with {{document}} and {{question}}. Replaces the task's own template.");
  public static final OptionKey<String> COMBINE_TEMPLATE =
      text("combine_template", "a file with {{document}} in it")
          .scope(RUN_ONLY, NOTHING, IN_QUERY)
          .requires(LongDocumentKeys.ON_TOO_LONG, OnTooLong.MAP_REDUCE)
          .description(
              SECTION,
              "Template over the partial answers of map_reduce. Without it prompt_template is used, or the task's own.");
  public static final OptionKey<ApplyChatTemplate> APPLY_CHAT_TEMPLATE =
      boolOr("apply_chat_template", ApplyChatTemplate.class)
          .defaultValue("auto")
          .scope(INFERENCE, ANSWERS, IN_QUERY)
          .aspect(Aspect.ASKING)
          .description(
              SECTION,
              "Wrap the prompt in the chat template of the model folder. auto wraps the task's own prompts where the folder has a template; it does not wrap those of a prompt_template, of sweep and of eval.");
  public static final OptionKey<String> SYSTEM_PROMPT =
      text("system_prompt", "text")
          .scope(INFERENCE, ANSWERS, IN_QUERY)
          .aspect(Aspect.ASKING)
          .description(SECTION, "System turn of the chat template.");
  public static final OptionKey<String> CHAT_TEMPLATE_KWARGS =
      single("chat_template_kwargs", "text", "a JSON object", PromptKeys::variables)
          .scope(INFERENCE, ANSWERS, IN_QUERY)
          .aspect(Aspect.ASKING)
          .description(
              SECTION,
              "JSON object of variables for the chat template: {\"enable_thinking\": false} makes Qwen3, SmolLM3 and others answer without thinking first.");

  private static String variables(String json) {
    ChatTurns.checkVariables(json);
    return json;
  }

  /** Types the options. */
  public static PromptOptions bind(JobOptions options) {
    return new PromptOptions(
        options.get(TASK),
        options.get(PROMPT_TEMPLATE),
        options.get(COMBINE_TEMPLATE),
        applyChatTemplate(options),
        options.get(SYSTEM_PROMPT),
        options.get(CHAT_TEMPLATE_KWARGS));
  }

  /** A template of the user's own says all that it wants said, and so do a measurement's suites. */
  private static ApplyChatTemplate applyChatTemplate(JobOptions options) {
    ApplyChatTemplate given = options.get(APPLY_CHAT_TEMPLATE);
    boolean off =
        Scope.MEASUREMENT.contains(options.get(RunKeys.COMMAND))
            || options.get(PROMPT_TEMPLATE) != null;
    return given == ApplyChatTemplate.AUTO && off ? ApplyChatTemplate.FALSE : given;
  }
}
