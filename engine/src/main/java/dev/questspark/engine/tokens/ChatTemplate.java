package dev.questspark.engine.tokens;

import com.google.gson.JsonElement;
import dev.questspark.engine.checkpoint.ModelFiles;
import dev.questspark.engine.checkpoint.files.JsonFields;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.jinja.JinjaTemplate;
import dev.questspark.engine.jinja.failure.JinjaException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A model folder's chat template: {@code chat_template.jinja}, else {@code chat_template} of {@code
 * tokenizer_config.json}, which may be one text or a list of named ones (then {@code default}).
 *
 * <p>Rendered as transformers' {@code apply_chat_template} does: {@link JinjaTemplate} has the
 * language, and the variables are the conversation, the tokenizer's special tokens by name ({@code
 * bos_token}, {@code pad_token}), and {@code tools} and {@code documents}, which are None.
 */
public final class ChatTemplate {
  private static final String OWN_FILE = "chat_template.jinja";
  private static final String SETTINGS = "tokenizer_config.json";
  private static final String TEMPLATE = "chat_template";

  private final Path source;
  private final String text;
  private final JinjaTemplate template;
  private final TokenizerSettings settings;

  /** Reads a template's text; one that is no Jinja is refused here, before any weight is loaded. */
  ChatTemplate(Path source, String text, TokenizerSettings settings) {
    this.source = source;
    this.text = text;
    this.settings = settings;
    try {
      this.template = JinjaTemplate.parse(text);
    } catch (JinjaException e) {
      throw failure(source, e);
    }
  }

  /** Whether a folder has a template, be it as it may. */
  public static boolean isIn(Path model) {
    ModelFiles files = ModelFiles.of(model);
    return files.file(OWN_FILE).isPresent()
        || files.json(SETTINGS).filter(fields -> fields.has(TEMPLATE)).isPresent();
  }

  /**
   * The folder's template, if it has one.
   *
   * @throws ConfigException if it cannot be read, or its syntax is wrong
   */
  public static Optional<ChatTemplate> open(Path model) {
    ModelFiles files = ModelFiles.of(model);
    TokenizerSettings settings = TokenizerSettings.read(files);
    Optional<String> own = files.text(OWN_FILE);
    if (own.isPresent()) {
      return Optional.of(new ChatTemplate(files.path().resolve(OWN_FILE), own.get(), settings));
    }
    return files
        .json(SETTINGS)
        .flatMap(
            fields ->
                template(fields).map(text -> new ChatTemplate(fields.file(), text, settings)));
  }

  private static Optional<String> template(JsonFields fields) {
    Optional<JsonElement> value = fields.element(TEMPLATE);
    if (value.isEmpty() || !value.get().isJsonArray()) {
      return fields.string(TEMPLATE);
    }
    for (JsonFields named : fields.objects(TEMPLATE)) {
      if (named.requireString("name").equals("default")) {
        return Optional.of(named.requireString("template"));
      }
    }
    throw new ConfigException(
        fields.file()
            + ": chat_template names no default template; put one in chat_template.jinja");
  }

  /** The template itself. */
  public String text() {
    return text;
  }

  /** The file that it is from. */
  public Path source() {
    return source;
  }

  /** Whether a variable's name stands anywhere in the template. */
  boolean names(String variable) {
    return Pattern.compile("(?<!\\w)" + Pattern.quote(variable) + "(?!\\w)").matcher(text).find();
  }

  /**
   * The prompt of a conversation.
   *
   * @param addGenerationPrompt end with what opens the assistant's turn
   * @throws ConfigException if the template refuses the conversation or cannot be rendered
   */
  public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
    return render(messages, addGenerationPrompt, Map.of());
  }

  /**
   * The prompt of a conversation.
   *
   * @param variables more variables of the template, or other values of those it has
   */
  public String render(
      List<ChatMessage> messages, boolean addGenerationPrompt, Map<String, Object> variables) {
    List<Map<String, Object>> turns = new ArrayList<>();
    for (ChatMessage message : messages) {
      Map<String, Object> turn = new LinkedHashMap<>();
      turn.put("role", message.role());
      turn.put("content", message.content());
      turns.add(turn);
    }
    Map<String, Object> context = new HashMap<>(settings.specialTokens());
    context.put("messages", turns);
    context.put("tools", null);
    context.put("documents", null);
    context.put("add_generation_prompt", addGenerationPrompt);
    context.putAll(variables);
    try {
      return template.render(context);
    } catch (JinjaException e) {
      throw failure(source, e);
    }
  }

  private static ConfigException failure(Path source, JinjaException e) {
    return new ConfigException(source + ": the chat template fails: " + e.getMessage(), e);
  }
}
