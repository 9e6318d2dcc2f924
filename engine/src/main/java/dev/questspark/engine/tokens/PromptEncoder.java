package dev.questspark.engine.tokens;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;

/**
 * A piece of a prompt: template text, in which special tokens count, and literal text, in which
 * nothing does. Where a special token is spelled out in a document or question, the text is cut
 * inside that spelling and the parts are tokenised apart, so that it stays text; everything else is
 * tokenised in one go.
 */
final class PromptEncoder {
  private final StringBuilder text = new StringBuilder();

  /** Begin and end of each literal stretch. */
  private final List<int[]> literals = new ArrayList<>();

  PromptEncoder template(String part) {
    text.append(part);
    return this;
  }

  PromptEncoder literal(String part) {
    literals.add(new int[] {text.length(), text.length() + part.length()});
    text.append(part);
    return this;
  }

  /** Ids of the piece at the beginning of a prompt. */
  int[] encode(Tokenizer tokenizer) {
    return encode(tokenizer, false);
  }

  /** Ids of the piece behind another. */
  int[] encodeContinuation(Tokenizer tokenizer) {
    return encode(tokenizer, true);
  }

  private int[] encode(Tokenizer tokenizer, boolean behind) {
    IntStream tokens = IntStream.empty();
    int from = 0;
    for (int to : cuts(tokenizer.specialTokens())) {
      tokens = IntStream.concat(tokens, encode(tokenizer, behind || from > 0, from, to));
      from = to;
    }
    return IntStream.concat(tokens, encode(tokenizer, behind || from > 0, from, text.length()))
        .toArray();
  }

  private IntStream encode(Tokenizer tokenizer, boolean behind, int from, int to) {
    String part = text.substring(from, to);
    return Arrays.stream(
        behind ? tokenizer.encodeContinuation(part) : tokenizer.encode(part, false));
  }

  /** One place inside every special token that takes at least one character from a literal. */
  private TreeSet<Integer> cuts(List<String> specialTokens) {
    TreeSet<Integer> cuts = new TreeSet<>();
    for (String token : specialTokens) {
      for (int[] literal : literals) {
        int at = text.indexOf(token, Math.max(0, literal[0] - token.length() + 1));
        while (at >= 0 && at < literal[1]) {
          cuts.add(text.offsetByCodePoints(at, 1));
          at = text.indexOf(token, at + 1);
        }
      }
    }
    return cuts;
  }
}
