package dev.questspark.job.prompt;

import dev.questspark.engine.Engine;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.tokens.ChatTemplate;
import dev.questspark.engine.tokens.GenerationDefaults;
import dev.questspark.engine.tokens.PromptTemplate;
import dev.questspark.engine.tokens.Tokenizer;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.PromptOptions;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** The task's two templates, bound to the engine's tokenizer. */
public final class PromptTokenizer {
  private final PromptTemplate ask;
  private final PromptTemplate combine;
  private final List<Integer> endTokenIds;

  private PromptTokenizer(PromptTemplate ask, PromptTemplate combine, List<Integer> endTokenIds) {
    this.ask = ask;
    this.combine = combine;
    this.endTokenIds = endTokenIds;
  }

  /**
   * @throws ConfigException when a chat template is asked for and the model folder has none
   */
  public static PromptTokenizer of(
      InferenceOptions options, TaskTemplates templates, Engine engine) {
    options.sampling().end().refuseWithoutRoom(engine.maxModelLen());
    Path model = engine.modelFolder();
    GenerationDefaults generation =
        GenerationDefaults.read(options.engine().model().generationConfig(), model);
    return new PromptTokenizer(
        template(options.prompt(), templates.ask(), model, engine.tokenizer()),
        template(options.prompt(), templates.combine(), model, engine.tokenizer()),
        generation.stopTokenIds(engine.model().eosTokenIds(), engine.tokenizer()));
  }

  private static PromptTemplate template(
      PromptOptions options, String text, Path model, Tokenizer tokenizer) {
    if (!options.applyChatTemplate()) {
      return PromptTemplate.plain(text, tokenizer);
    }
    ChatTemplate chat =
        ChatTemplate.open(model)
            .orElseThrow(
                () ->
                    new ConfigException(
                        "Model folder "
                            + model
                            + " has no chat template; drop --apply-chat-template."));
    Optional<String> system = Optional.ofNullable(options.systemPrompt());
    return PromptTemplate.chat(text, chat, system, tokenizer);
  }

  /** Whether a blank question is an error. */
  public boolean asksQuestion() {
    return ask.asksQuestion();
  }

  /** Ids that end an answer. */
  public List<Integer> endTokenIds() {
    return endTokenIds;
  }

  public PromptTokens ask(String document) {
    return prompt(ask, document);
  }

  /** The prompt over the partial answers of map_reduce. */
  public PromptTokens combine(String partialAnswers) {
    return prompt(combine, partialAnswers);
  }

  /** Ids of a part of a document, whatever stands before it. */
  public int[] part(String document) {
    return ask.document(document);
  }

  public int[] suffix(Question question) {
    return ask.suffix(text(question));
  }

  public int[] combineSuffix(Question question) {
    return combine.suffix(text(question));
  }

  private static PromptTokens prompt(PromptTemplate template, String document) {
    int[] prefix = template.prefix(document);
    int head = Math.min(template.prefix("").length, prefix.length);
    return new PromptTokens(
        Arrays.copyOf(prefix, head), Arrays.copyOfRange(prefix, head, prefix.length));
  }

  private static String text(Question question) {
    return question.text() == null ? "" : question.text();
  }
}
