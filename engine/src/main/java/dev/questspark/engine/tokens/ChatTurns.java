package dev.questspark.engine.tokens;

import dev.questspark.engine.failure.ConfigException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A conversation that a prompt's text becomes a turn of.
 *
 * @param systemPrompt the turn before it
 * @param variables of the template, beside the conversation
 */
public record ChatTurns(
    ChatTemplate template, Optional<String> systemPrompt, Map<String, Object> variables) {
  private static final String VARIABLES = "chat_template_kwargs";

  /**
   * The turns of one user's text.
   *
   * @param systemPrompt null for none
   * @param variables a JSON object; null for none
   * @throws ConfigException when it is none, or sets what the template does not read
   */
  public static ChatTurns of(ChatTemplate template, String systemPrompt, String variables) {
    Map<String, Object> parsed =
        variables == null ? Map.of() : TemplateVariables.parse(VARIABLES, variables);
    for (String name : parsed.keySet()) {
      if (!template.names(name)) {
        throw new ConfigException(
            VARIABLES
                + " sets "
                + name
                + ", which "
                + template.source()
                + " never reads; correct the name, or leave it out");
      }
    }
    return new ChatTurns(template, Optional.ofNullable(systemPrompt), parsed);
  }

  /**
   * Checks the variables without a template.
   *
   * @throws ConfigException when they are no JSON object
   */
  public static void checkVariables(String variables) {
    TemplateVariables.parse(VARIABLES, variables);
  }

  /** The prompt with a text as the user's turn, up to where the model's begins. */
  public String render(String user) {
    List<ChatMessage> messages = new ArrayList<>();
    systemPrompt.ifPresent(text -> messages.add(new ChatMessage("system", text)));
    messages.add(new ChatMessage("user", user));
    return template.render(messages, true, variables);
  }
}
