package dev.questspark.job.eval.suite;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.job.corpus.Document;
import dev.questspark.job.eval.EvalDocument;
import dev.questspark.job.eval.EvalDocument.Aim;
import dev.questspark.job.eval.EvalDocument.EvalQuestion;
import dev.questspark.job.eval.EvalDocument.Prompt;
import dev.questspark.job.eval.EvalDocument.Scoring;
import dev.questspark.job.options.MeasureOptions.Windows;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.TreeSet;

/**
 * Windows of the corpus's texts, each with the text before it: no question, no answer, no template.
 * Every document has equally many, drawn one after the other, so that more of them keep the earlier
 * ones; or those at the offsets asked for.
 */
final class DivergenceSuite {
  private static final String NAME = "divergence";

  /** Every part of the text is itself: what is fed is the text's own next token. */
  private static final String TEXT_ALONE = "{{document}}{{question}}";

  /** A first guess at a token's characters, on the large side. */
  private static final int CHARACTERS = 6;

  /** Tokens that a cut in the middle of a word may change at an end of a text. */
  private static final int RAGGED_TOKENS = 16;

  /** Draws that fall into windows already drawn, before a document counts as used up. */
  private static final int FRUITLESS_DRAWS = 50;

  /** A prefix begins at a word's beginning where there is one within so many characters. */
  private static final int LONGEST_WORD = 100;

  private final SuiteInput input;
  private final Windows windows;

  private DivergenceSuite(SuiteInput input) {
    this.input = input;
    this.windows = input.options().windows();
  }

  static List<EvalDocument> documents(SuiteInput input) {
    return new DivergenceSuite(input).documents();
  }

  private List<EvalDocument> documents() {
    refuseNoRoom();
    List<Document> corpus = input.corpus().get();
    List<Document> longEnough = new ArrayList<>();
    List<String> tooShort = new ArrayList<>();
    int longest = 0;
    for (Document document : corpus) {
      if (cut(document.text(), 0).isPresent()) {
        longEnough.add(document);
      } else {
        int tokens = input.tokens(document.text());
        longest = Math.max(longest, tokens);
        tooShort.add(
            "%s: its text has %d tokens, a prefix of %d and a window of %d need %d"
                .formatted(
                    document.id(),
                    tokens,
                    windows.prefixTokens(),
                    windows.windowTokens(),
                    windows.textTokens()));
      }
    }
    if (longEnough.isEmpty()) {
      throw new ConfigException(
          "no document of --input is long enough: a prefix of "
              + windows.prefixTokens()
              + " and a window of "
              + windows.windowTokens()
              + " tokens need "
              + windows.textTokens()
              + ", and the longest has "
              + longest
              + "; give a smaller --prefix-tokens or --window-tokens.");
    }
    tooShort.forEach(input.leftOut());
    List<EvalDocument> found = new ArrayList<>();
    int each = (windows.count() + longEnough.size() - 1) / longEnough.size();
    for (Document document : longEnough) {
      if (windows.offsets().isEmpty()) {
        draw(document, each).forEach(at -> found.add(window(document, at)));
      } else {
        given(document).forEach(at -> found.add(window(document, at)));
      }
    }
    if (found.isEmpty()) {
      throw new ConfigException(
          "--window-offsets "
              + windows.offsets()
              + ": no document has the "
              + windows.textTokens()
              + " tokens of a prefix and a window behind one of them; give smaller ones.");
    }
    return found;
  }

  private void refuseNoRoom() {
    if (windows.contextTokens() > input.maxModelLen()) {
      throw new ConfigException(
          "a prefix of "
              + windows.prefixTokens()
              + " tokens and "
              + (1 + windows.newTokens())
              + " behind it exceed max_model_len "
              + input.maxModelLen()
              + "; give --prefix-tokens of at most "
              + (input.maxModelLen() - windows.newTokens() - 1)
              + ".");
    }
  }

  /** Places where prefixes begin, in the order in which they were drawn. */
  private List<Integer> draw(Document document, int count) {
    String text = document.text();
    int room = room(text);
    int apart = windowCharacters(text);
    Random random = input.random(document.id());
    TreeSet<Integer> taken = new TreeSet<>();
    List<Integer> drawn = new ArrayList<>();
    int fruitless = 0;
    while (drawn.size() < count && fruitless < FRUITLESS_DRAWS) {
      int at = wordBefore(text, random.nextInt(room + 1));
      if (taken.subSet(at - apart, false, at + apart, false).isEmpty()) {
        taken.add(at);
        drawn.add(at);
        fruitless = 0;
      } else {
        fruitless++;
      }
    }
    return drawn;
  }

  /**
   * Of a window on average, as the text begins: prefixes so far apart have windows of their own.
   */
  private int windowCharacters(String text) {
    String start = cut(text, 0).orElseThrow();
    return Math.max(1, start.length() * windows.windowTokens() / input.tokens(start));
  }

  /** Places at the offsets asked for that have enough text behind them. */
  private List<Integer> given(Document document) {
    String text = document.text();
    int characters = text.codePointCount(0, text.length());
    List<Integer> places = new ArrayList<>();
    for (int offset : new TreeSet<>(windows.offsets())) {
      int at = offset > characters ? text.length() : text.offsetByCodePoints(0, offset);
      if (cut(text, at).isPresent()) {
        places.add(at);
      } else {
        input
            .leftOut()
            .accept(
                "%s at %d: fewer than %d tokens of text are behind it"
                    .formatted(document.id(), offset, windows.textTokens()));
      }
    }
    return places;
  }

  /** The last place of a long enough text that has enough behind it, to within a few words. */
  private int room(String text) {
    int enough = windows.textTokens() + RAGGED_TOKENS;
    int tooFew = 0;
    int sufficient = Math.min(text.length(), CHARACTERS * enough);
    while (input.tokens(text.substring(text.length() - sufficient)) < enough) {
      if (sufficient == text.length()) {
        return 0;
      }
      tooFew = sufficient;
      sufficient = Math.min(text.length(), 2 * sufficient);
    }
    while (sufficient - tooFew > enough / 4) {
      int middle = (sufficient + tooFew) / 2;
      if (input.tokens(text.substring(text.length() - middle)) < enough) {
        tooFew = middle;
      } else {
        sufficient = middle;
      }
    }
    return text.length() - sufficient;
  }

  /** Where the word at a place begins; the place itself, or between characters, without a word. */
  private static int wordBefore(String text, int place) {
    for (int at = place; at > 0 && at > place - LONGEST_WORD; at--) {
      if (Character.isWhitespace(text.charAt(at - 1))) {
        return at;
      }
    }
    return place < LONGEST_WORD ? 0 : place - (splits(text, place) ? 1 : 0);
  }

  private static boolean splits(String text, int at) {
    return at > 0 && at < text.length() && Character.isLowSurrogate(text.charAt(at));
  }

  /** The text from a place on that surely has a prefix and a window; empty where it has not. */
  private Optional<String> cut(String text, int at) {
    int enough = windows.textTokens();
    for (int characters = CHARACTERS * enough; ; characters *= 2) {
      int end = characters >= text.length() - at ? text.length() : at + characters;
      String part = text.substring(at, splits(text, end) ? end - 1 : end);
      int tokens = input.tokens(part);
      if (tokens >= enough + RAGGED_TOKENS) {
        return Optional.of(part);
      }
      if (end == text.length()) {
        return tokens >= enough ? Optional.of(part) : Optional.empty();
      }
    }
  }

  private EvalDocument window(Document document, int at) {
    String text = document.text();
    return new EvalDocument(
        document.id() + "@" + text.codePointCount(0, at),
        NAME,
        NAME,
        new Aim(windows.prefixTokens(), null),
        new Prompt(TEXT_ALONE, false, windows.windowTokens()),
        Scoring.by(EvalDocument.DIVERGENCE),
        cut(text, at).orElseThrow(),
        List.of(new EvalQuestion("", List.of())));
  }
}
