package dev.questspark.job.prompt;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.tokens.ChatTemplate;
import dev.questspark.engine.tokens.ChatTurns;
import dev.questspark.job.options.Choices.ApplyChatTemplate;
import dev.questspark.job.options.PromptOptions;
import java.nio.file.Path;
import java.util.Optional;
import java.util.function.Supplier;

/** Whether prompts stand in a model's chat template, as options and model together say. */
public final class ChatPrompts {
  private ChatPrompts() {}

  /**
   * The conversation that prompts are turns of; empty where they stand alone.
   *
   * @throws ConfigException when the template is wanted and cannot be used
   */
  public static Optional<ChatTurns> of(PromptOptions options, Path model) {
    if (options.applyChatTemplate() == ApplyChatTemplate.FALSE) {
      return Optional.empty();
    }
    boolean wanted = options.applyChatTemplate() == ApplyChatTemplate.TRUE;
    Optional<ChatTemplate> template = unlessBroken(() -> ChatTemplate.open(model), wanted);
    if (template.isEmpty()) {
      refuseWithoutTemplate(options, model, wanted);
      return Optional.empty();
    }
    ChatTurns turns =
        ChatTurns.of(template.get(), options.systemPrompt(), options.chatTemplateKwargs());
    unlessBroken(() -> turns.render(""), wanted);
    return Optional.of(turns);
  }

  private static <T> T unlessBroken(Supplier<T> use, boolean wanted) {
    try {
      return use.get();
    } catch (ConfigException broken) {
      throw wanted
          ? broken
          : new ConfigException(
              broken.getMessage() + "; --apply-chat-template false leaves the template out",
              broken);
    }
  }

  private static void refuseWithoutTemplate(PromptOptions options, Path model, boolean wanted) {
    if (wanted) {
      throw new ConfigException(
          "Model folder " + model + " has no chat template; drop --apply-chat-template.");
    }
    if (options.systemPrompt() != null) {
      throw new ConfigException(
          "system_prompt is a turn of the chat template, and model folder "
              + model
              + " has none; write the text into --prompt-template.");
    }
    if (options.chatTemplateKwargs() != null) {
      throw new ConfigException(
          "chat_template_kwargs sets variables of the chat template, and model folder "
              + model
              + " has none; leave it out.");
    }
  }

  /** Says of a model with a chat template whether prompts stand in it; empty for others. */
  public static String said(PromptOptions options, Path model) {
    if (!ChatTemplate.isIn(model)) {
      return "";
    }
    return switch (options.applyChatTemplate()) {
      case FALSE ->
          "prompts stand without the model's chat template; --apply-chat-template puts them into it";
      case TRUE -> "prompts stand in the model's chat template";
      case AUTO ->
          "prompts stand in the model's chat template; --apply-chat-template false leaves it out";
    };
  }
}
