package dev.questspark.engine.tokens;

import dev.questspark.engine.failure.ConfigException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Turns a document and a question into the two token arrays of a request: the prefix ends with the
 * document, so that all its questions share it; the suffix is the rest. Both are tokenised apart.
 *
 * <p>The template is plain text with {@code {{document}}} once and {@code {{question}}} behind it,
 * any number of times. Substitution is plain too: braces, markup or special tokens written in a
 * document or question reach the model as the text they are. With a chat template that text becomes
 * the user's turn: the conversation is rendered once, with marks where document and question
 * belong, and taken apart at the marks.
 */
public final class PromptTemplate {
  private static final Pattern PLACEHOLDER = Pattern.compile("\\{\\{\\s*(\\w+)\\s*}}");
  private static final String DOCUMENT = "document";

  /** Texts up to this length are tokenised in one go. */
  public static final int PIECE_CHARACTERS = 1 << 18;

  private static final String QUESTION = "question";

  private final Tokenizer tokenizer;

  /** What the tokenizer itself puts before a sequence; empty where a chat template does. */
  private final int[] begin;

  private final String beforeDocument;

  /** Template text after the document; a question stands between neighbours. */
  private final List<String> afterDocument;

  /** What ends the user's turn where nothing else is known to stand behind the question. */
  private final String turnEnd;

  private PromptTemplate(
      Tokenizer tokenizer,
      int[] begin,
      String beforeDocument,
      List<String> afterDocument,
      String turnEnd) {
    this.tokenizer = tokenizer;
    this.turnEnd = turnEnd;
    this.begin = begin;
    this.beforeDocument = beforeDocument;
    this.afterDocument = afterDocument;
  }

  /** A template without chat turns; the tokenizer's begin-of-sequence comes first, once. */
  public static PromptTemplate plain(String template, Tokenizer tokenizer) {
    return split(template, PLACEHOLDER, tokenizer, tokensBefore(tokenizer), "");
  }

  /**
   * The template as the user's turn of a conversation, with the model's chat template around it.
   */
  public static PromptTemplate chat(String template, ChatTurns chat, Tokenizer tokenizer) {
    split(
        template, PLACEHOLDER, tokenizer, new int[0], ""); // its mistakes are told before rendering
    String mark = "x" + UUID.randomUUID().toString().replace("-", "");
    String rendered = chat.render(PLACEHOLDER.matcher(template).replaceAll(mark + "$1" + mark));
    String turn = chat.render(mark);
    return split(
        rendered,
        Pattern.compile(mark + "(\\w+?)" + mark),
        tokenizer,
        new int[0],
        turn.substring(turn.indexOf(mark) + mark.length()));
  }

  private static PromptTemplate split(
      String template, Pattern placeholder, Tokenizer tokenizer, int[] begin, String turnEnd) {
    Optional<String> beforeDocument = Optional.empty();
    List<String> after = new ArrayList<>();
    int from = 0;
    Matcher matcher = placeholder.matcher(template);
    while (matcher.find()) {
      String text = template.substring(from, matcher.start());
      from = matcher.end();
      boolean document = matcher.group(1).equals(DOCUMENT);
      if (!document && !matcher.group(1).equals(QUESTION)) {
        throw wrong("names " + matcher.group() + "; {{document}} and {{question}} are known");
      }
      if (document == beforeDocument.isPresent()) {
        throw wrong("must have {{document}} once, before any {{question}}");
      }
      if (document) {
        beforeDocument = Optional.of(text);
      } else {
        after.add(text);
      }
    }
    after.add(template.substring(from));
    if (beforeDocument.isEmpty()) {
      throw wrong("has no {{document}}");
    }
    if (after.size() == 1 && after.get(0).isEmpty()) {
      throw wrong("has nothing after {{document}}; add {{question}} or an instruction");
    }
    return new PromptTemplate(tokenizer, begin, beforeDocument.get(), after, turnEnd);
  }

  private static ConfigException wrong(String what) {
    return new ConfigException("the prompt template " + what);
  }

  /** Tokens up to and including the document. */
  public int[] prefix(String document) {
    int[] tokens = new PromptEncoder().template(beforeDocument).literal(document).encode(tokenizer);
    boolean begun =
        begin.length > 0
            && tokens.length >= begin.length
            && Arrays.equals(begin, 0, begin.length, tokens, 0, begin.length);
    return begun ? tokens : IntStream.concat(Arrays.stream(begin), Arrays.stream(tokens)).toArray();
  }

  /** How many tokens of a {@link #prefix} are the template's own, before the document. */
  public int tokensBefore(int[] prefix) {
    int[] nothing = prefix("");
    int different = Arrays.mismatch(nothing, prefix);
    return different < 0 ? prefix.length : different;
  }

  /** Tokens of a part of a document, behind others. */
  public int[] document(String document) {
    return new PromptEncoder().literal(document).encodeContinuation(tokenizer);
  }

  /**
   * Tokens of a long document in bounded memory: piece by piece, which may differ from those of the
   * whole where two pieces meet.
   *
   * @param enough the rest is left out when there are more tokens than this
   */
  public int[] documentInPieces(String document, int enough) {
    List<int[]> tokens = new ArrayList<>();
    int count = 0;
    for (String piece : TextPieces.of(document, PIECE_CHARACTERS)) {
      if (count > enough) {
        break;
      }
      int[] next = document(piece);
      tokens.add(next);
      count += next.length;
    }
    return tokens.stream().flatMapToInt(Arrays::stream).toArray();
  }

  /** Tokens after the document. */
  public int[] suffix(String question) {
    PromptEncoder text = new PromptEncoder().template(afterDocument.get(0));
    for (String part : afterDocument.subList(1, afterDocument.size())) {
      text.literal(question).template(part);
    }
    return text.encodeContinuation(tokenizer);
  }

  /** Text of every prompt behind its last document or question. */
  public String end() {
    return afterDocument.get(afterDocument.size() - 1);
  }

  /**
   * Tokens of what every prompt has behind its question, or behind the instruction of a template
   * that asks none: the end of a conversation's turn, say.
   */
  public int[] closing() {
    return new PromptEncoder()
        .template(asksQuestion() ? end() : turnEnd)
        .encodeContinuation(tokenizer);
  }

  /** Whether the template asks a question at all; a summary's does not. */
  public boolean asksQuestion() {
    return afterDocument.size() > 1;
  }

  /** What the tokenizer puts before a text of its own accord. */
  private static int[] tokensBefore(Tokenizer tokenizer) {
    int[] plain = tokenizer.encode("a", false);
    int[] special = tokenizer.encode("a", true);
    for (int at = 0; at + plain.length <= special.length; at++) {
      if (Arrays.equals(plain, 0, plain.length, special, at, at + plain.length)) {
        return Arrays.copyOf(special, at);
      }
    }
    throw new ConfigException(
        "the tokenizer changes a text's own tokens when it adds special ones");
  }
}
