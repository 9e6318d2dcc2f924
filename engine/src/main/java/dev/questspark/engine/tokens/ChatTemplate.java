package dev.questspark.engine.tokens;

import com.google.gson.JsonElement;
import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.el.JinjavaInterpreterResolver;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import com.hubspot.jinjava.objects.date.StrftimeFormatter;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.model.JsonFields;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import jinjava.javax.el.CompositeELResolver;

/**
 * A model folder's chat template: {@code chat_template.jinja}, else {@code chat_template} of {@code
 * tokenizer_config.json}, which may be one text or a list of named ones (then {@code default}).
 *
 * <p>Rendered by jinjava, set up to behave as the Python environment that Hugging Face documents:
 * trim_blocks and lstrip_blocks, nothing escaped, Python's string methods ({@link PythonMethods}),
 * {@code raise_exception} and {@code strftime_now}.
 */
public final class ChatTemplate {
  private final Path source;
  private final String template;
  private final TokenizerSettings settings;
  private final Jinjava jinjava;

  ChatTemplate(Path source, String template, TokenizerSettings settings) {
    this.source = source;
    this.template = JinjaSource.forJinjava(template);
    this.settings = settings;
    this.jinjava = engine();
  }

  /** The folder's template, if it has one. */
  public static Optional<ChatTemplate> open(Path folder) {
    TokenizerSettings settings = TokenizerSettings.read(folder);
    Path file = folder.resolve("chat_template.jinja");
    if (Files.isRegularFile(file)) {
      try {
        return Optional.of(new ChatTemplate(file, Files.readString(file), settings));
      } catch (IOException e) {
        throw new ConfigException(file + " cannot be read as UTF-8 text; copy it again", e);
      }
    }
    Path config = folder.resolve("tokenizer_config.json");
    if (!Files.isRegularFile(config)) {
      return Optional.empty();
    }
    JsonFields fields = JsonFields.read(config);
    return template(fields).map(text -> new ChatTemplate(config, text, settings));
  }

  private static Optional<String> template(JsonFields fields) {
    String key = "chat_template";
    Optional<JsonElement> value = fields.element(key);
    if (value.isEmpty() || !value.get().isJsonArray()) {
      return fields.string(key);
    }
    for (JsonFields named : fields.objects(key)) {
      if (named.requireString("name").equals("default")) {
        return Optional.of(named.requireString("template"));
      }
    }
    throw new ConfigException(
        fields.file()
            + ": chat_template names no default template; put one in chat_template.jinja");
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

  String render(
      List<ChatMessage> messages, boolean addGenerationPrompt, Map<String, Object> variables) {
    List<Map<String, Object>> turns = new ArrayList<>();
    for (ChatMessage message : messages) {
      Map<String, Object> turn = new LinkedHashMap<>();
      turn.put("role", message.role());
      turn.put("content", message.content());
      turns.add(turn);
    }
    Map<String, Object> context = new HashMap<>(variables);
    context.put("strftime_now", true); // templates ask whether it is defined before they call it
    context.put("messages", turns);
    context.put("add_generation_prompt", addGenerationPrompt);
    context.put("bos_token", settings.bosToken().orElse(""));
    context.put("eos_token", settings.eosToken().orElse(""));
    RenderResult result = jinjava.renderForResult(template, context);
    if (!result.getErrors().isEmpty()) {
      throw new ConfigException(
          source + ": the chat template fails: " + reason(result.getErrors().get(0)));
    }
    return result.getOutput();
  }

  /** What raise_exception said, or jinjava's own words. */
  private static String reason(TemplateError error) {
    Throwable cause = error.getException();
    while (cause != null && !(cause instanceof RefusedConversation)) {
      cause = cause.getCause();
    }
    return cause == null ? error.getMessage() : cause.getMessage();
  }

  private static final class RefusedConversation extends RuntimeException {
    private static final long serialVersionUID = 1L;

    RefusedConversation(String message) {
      super(message);
    }
  }

  private static Jinjava engine() {
    CompositeELResolver resolver = new CompositeELResolver();
    resolver.add(new PythonMethods());
    resolver.add(JinjavaInterpreterResolver.DEFAULT_RESOLVER_READ_ONLY);
    JinjavaConfig config =
        JinjavaConfig.newBuilder()
            .withKeepTrailingNewline(true) // white space is settled by JinjaSource
            .withNestedInterpretationEnabled(false) // a message is text, never a template
            .withElResolver(resolver)
            .withLegacyOverrides(
                LegacyOverrides.newBuilder()
                    .withEvaluateMapKeys(true)
                    .withUseNaturalOperatorPrecedence(true)
                    .withKeepNullableLoopValues(true)
                    .withHandleBackslashInQuotesOnly(true)
                    .build())
            .build();
    Jinjava jinjava = new Jinjava(config);
    jinjava
        .getGlobalContext()
        .registerFunction(
            new ELFunctionDefinition(
                "", "raise_exception", ChatTemplate.class, "raiseException", String.class));
    jinjava
        .getGlobalContext()
        .registerFunction(
            new ELFunctionDefinition(
                "", "strftime_now", ChatTemplate.class, "strftimeNow", String.class));
    return jinjava;
  }

  /** Called by templates: the conversation is not one the model knows. */
  public static String raiseException(String message) {
    throw new RefusedConversation(message);
  }

  /** Called by templates: today, in Python's date format. */
  public static String strftimeNow(String format) {
    return StrftimeFormatter.format(ZonedDateTime.now(), format);
  }
}
