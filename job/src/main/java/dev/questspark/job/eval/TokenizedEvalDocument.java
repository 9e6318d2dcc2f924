package dev.questspark.job.eval;

import dev.questspark.engine.Engine;
import dev.questspark.engine.failure.ErrorCode;
import dev.questspark.engine.tokens.ChatTurns;
import dev.questspark.engine.tokens.PromptTemplate;
import dev.questspark.engine.tokens.Tokenizer;
import dev.questspark.job.corpus.Defect;
import dev.questspark.job.options.Choices.OnTooLong;
import dev.questspark.job.options.PromptOptions;
import dev.questspark.job.prompt.ChatPrompts;
import dev.questspark.job.prompt.LongDocument;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A document of a suite in tokens, and what of it is asked.
 *
 * @param document tokens that all questions share
 * @param asked numbers of the questions that are asked
 * @param questions tokens of each of them and what the template puts around it
 * @param refused the other questions' numbers, and why they are not asked
 * @param droppedTokens document tokens left out of its middle
 * @param templateTokens how many of {@code document} are the template's, before the text
 * @param closing the template's tokens behind every question
 */
record TokenizedEvalDocument(
    int[] document,
    List<Integer> asked,
    List<int[]> questions,
    Map<Integer, Defect> refused,
    int droppedTokens,
    int templateTokens,
    int[] closing) {

  /** A document cut to less has no beginning or no end. */
  private static final int LEAST_KEPT = 2;

  /**
   * What does not fit into the context is cut in its middle, or refused, as {@code on_too_long}
   * says.
   *
   * @param newTokens most tokens that a row generates
   */
  static TokenizedEvalDocument of(
      EvalDocument document, EvalSettings settings, Engine engine, int newTokens) {
    PromptTemplate template = template(document, settings.infer().options().prompt(), engine);
    int[] prefix = template.prefix(document.text());
    int room = engine.maxModelLen() - newTokens;
    int least = settings.onTooLong() == OnTooLong.TRUNCATE_MIDDLE ? LEAST_KEPT : prefix.length;
    List<Integer> asked = new ArrayList<>();
    List<int[]> questions = new ArrayList<>();
    Map<Integer, Defect> refused = new TreeMap<>();
    int longest = 0;
    for (int q = 0; q < document.questions().size(); q++) {
      int[] suffix = template.suffix(document.questions().get(q).text());
      if (Math.min(least, prefix.length) + suffix.length > room) {
        refused.put(q, tooLong(prefix.length, suffix.length, document, newTokens, engine));
      } else {
        asked.add(q);
        questions.add(suffix);
        longest = Math.max(longest, suffix.length);
      }
    }
    int kept = Math.min(prefix.length, room - longest);
    return new TokenizedEvalDocument(
        kept < prefix.length && !asked.isEmpty()
            ? LongDocument.withoutMiddle(prefix, kept)
            : prefix,
        asked,
        questions,
        refused,
        asked.isEmpty() ? 0 : prefix.length - kept,
        template.tokensBefore(prefix),
        template.closing());
  }

  private static Defect tooLong(
      int prefix, int suffix, EvalDocument document, int newTokens, Engine engine) {
    return new Defect(
        ErrorCode.TOO_LONG,
        "document "
            + prefix
            + " + question "
            + suffix
            + (newTokens > document.prompt().maxTokens() ? " + speed_tokens " : " + answer ")
            + newTokens
            + " tokens exceed max_model_len "
            + engine.maxModelLen()
            + (LEAST_KEPT + suffix + newTokens > engine.maxModelLen()
                ? "; a shorter question or answer would leave room for the document"
                : "; --on-too-long truncate_middle would cut the document's middle"));
  }

  /** The tokens of a text that is scored itself: as the template begins it, and nothing behind. */
  static int[] text(EvalDocument document, PromptOptions options, Engine engine) {
    return template(document, options, engine).prefix(document.text());
  }

  private static PromptTemplate template(
      EvalDocument document, PromptOptions options, Engine engine) {
    Tokenizer tokenizer = engine.tokenizer();
    Optional<ChatTurns> chat =
        document.prompt().chat() ? ChatPrompts.of(options, engine.modelFolder()) : Optional.empty();
    return chat.isPresent()
        ? PromptTemplate.chat(document.prompt().template(), chat.get(), tokenizer)
        : PromptTemplate.plain(document.prompt().template(), tokenizer);
  }

  /**
   * Quest's own protocol: only the last characters of the prompt go through the selector, what is
   * before them is part of the dense prefill.
   *
   * @param question its place among those asked
   * @param tailCharacters of document and question together
   * @return the same tokens as a prompt of one question
   */
  TokenizedEvalDocument withTail(int question, int tailCharacters, Tokenizer tokenizer) {
    int[] suffix = questions.get(question);
    int[] all = Arrays.copyOf(document, document.length + suffix.length);
    System.arraycopy(suffix, 0, all, document.length, suffix.length);
    int tail = 1;
    while (tail < all.length
        && tokenizer.decode(Arrays.copyOfRange(all, all.length - tail, all.length), false).length()
            < tailCharacters) {
      tail++;
    }
    return new TokenizedEvalDocument(
        Arrays.copyOf(all, all.length - tail),
        List.of(asked.get(question)),
        List.of(Arrays.copyOfRange(all, all.length - tail, all.length)),
        Map.of(),
        droppedTokens,
        templateTokens,
        closing);
  }
}
