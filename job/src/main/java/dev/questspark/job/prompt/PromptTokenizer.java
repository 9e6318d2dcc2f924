package dev.questspark.job.prompt;

import dev.questspark.engine.Engine;
import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.tokens.ChatTurns;
import dev.questspark.engine.tokens.GenerationDefaults;
import dev.questspark.engine.tokens.HfTokenizer;
import dev.questspark.engine.tokens.PromptTemplate;
import dev.questspark.engine.tokens.ReasoningMarks;
import dev.questspark.engine.tokens.Tokenizer;
import dev.questspark.job.corpus.Question;
import dev.questspark.job.options.Choices.OnTooLong;
import dev.questspark.job.options.InferenceOptions;
import dev.questspark.job.options.PromptOptions;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/** The task's two templates, bound to the engine's tokenizer. */
public final class PromptTokenizer {
  /** Tokens by which a count in pieces may be off. */
  private static final int SEAMS = 1024;

  private final PromptTemplate ask;
  private final int[] closing;
  private final PromptTemplate combine;
  private final ReasoningMarks reasoning;
  private final List<Integer> endTokenIds;
  private final int longestPrompt;
  private final boolean stopsAtTooLong;

  private PromptTokenizer(
      PromptTemplate ask,
      PromptTemplate combine,
      ReasoningMarks reasoning,
      List<Integer> endTokenIds,
      int longestPrompt,
      boolean stopsAtTooLong) {
    this.ask = ask;
    this.closing = ask.closing();
    this.combine = combine;
    this.reasoning = reasoning;
    this.endTokenIds = endTokenIds;
    this.longestPrompt = longestPrompt;
    this.stopsAtTooLong = stopsAtTooLong;
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
    Optional<ChatTurns> chat = ChatPrompts.of(options.prompt(), model);
    PromptTemplate ask = template(templates.ask(), chat, engine.tokenizer());
    return new PromptTokenizer(
        ask,
        template(templates.combine(), chat, engine.tokenizer()),
        ReasoningMarks.of(
            engine.tokenizer(), chat.map(turns -> turns.template().text()).orElse(""), ask.end()),
        generation.stopTokenIds(engine.model().eosTokenIds(), engine.tokenizer()),
        longestPrompt(options, engine),
        options.longDocuments().onTooLong() == OnTooLong.ERROR);
  }

  /** A document of which only some tokens are kept may be longer than the model's context. */
  private static int longestPrompt(InferenceOptions options, Engine engine) {
    return options.selection().cachePolicies().stream()
        .mapToInt(policy -> engine.longestPrompt(policy, 0))
        .reduce(engine.maxModelLen(), Math::max);
  }

  /**
   * Whether a model's tokenizer and chat template can make the task's prompts; needs no weights.
   *
   * @throws ConfigException when they cannot
   */
  public static void check(PromptOptions options, TaskTemplates templates, Path model) {
    try (Tokenizer tokenizer = HfTokenizer.open(model)) {
      check(options, templates, model, tokenizer);
    }
  }

  /** The same with the model's tokenizer. */
  public static void check(
      PromptOptions options, TaskTemplates templates, Path model, Tokenizer tokenizer) {
    Optional<ChatTurns> chat = ChatPrompts.of(options, model);
    template(templates.ask(), chat, tokenizer);
    template(templates.combine(), chat, tokenizer);
  }

  private static PromptTemplate template(
      String text, Optional<ChatTurns> chat, Tokenizer tokenizer) {
    return chat.isPresent()
        ? PromptTemplate.chat(text, chat.get(), tokenizer)
        : PromptTemplate.plain(text, tokenizer);
  }

  /** Takes answers apart. */
  public ReasoningMarks reasoning() {
    return reasoning;
  }

  /** Tokens behind every question. */
  public int[] closing() {
    return closing;
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
    return prompt(ask, document, stopsAtTooLong);
  }

  /** The prompt over the partial answers of map_reduce. */
  public PromptTokens combine(String partialAnswers) {
    return prompt(combine, partialAnswers, false);
  }

  /** Ids of a part of a document, whatever stands before it. */
  public int[] part(String document) {
    return document.length() <= PromptTemplate.PIECE_CHARACTERS
        ? ask.document(document)
        : ask.documentInPieces(document, Integer.MAX_VALUE);
  }

  public int[] suffix(Question question) {
    return suffix(ask, text(question));
  }

  public int[] combineSuffix(Question question) {
    return suffix(combine, text(question));
  }

  /** A question that cannot fit is tokenised no further than to know it. */
  private int[] suffix(PromptTemplate template, String question) {
    if (question.length() > PromptTemplate.PIECE_CHARACTERS) {
      int[] pieces = template.documentInPieces(question, longestPrompt + SEAMS);
      if (pieces.length > longestPrompt + SEAMS) {
        return pieces;
      }
    }
    return template.suffix(question);
  }

  /**
   * A long document is counted in pieces first; one that may fit is then tokenised as a whole, so
   * that what the model reads does not depend on where pieces meet.
   */
  private PromptTokens prompt(PromptTemplate template, String document, boolean stops) {
    if (document.length() > PromptTemplate.PIECE_CHARACTERS) {
      int enough = longestPrompt + SEAMS;
      int[] pieces = template.documentInPieces(document, stops ? enough : Integer.MAX_VALUE);
      if (pieces.length > enough) {
        return new PromptTokens(template.prefix(""), pieces, !stops);
      }
    }
    int[] prefix = template.prefix(document);
    int head = Math.min(template.prefix("").length, prefix.length);
    return new PromptTokens(
        Arrays.copyOf(prefix, head), Arrays.copyOfRange(prefix, head, prefix.length), true);
  }

  private static String text(Question question) {
    return question.text() == null ? "" : question.text();
  }
}
