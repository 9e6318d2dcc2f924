package dev.questspark.job.eval.suite;

import dev.questspark.engine.failure.ConfigException;
import dev.questspark.engine.tokens.Tokenizer;
import java.text.BreakIterator;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;

/** Filler text by sentences, each with its tokens counted. */
final class Haystack {
  private final List<String> sentences;
  private final int[] tokens;

  private Haystack(List<String> sentences, int[] tokens) {
    this.sentences = sentences;
    this.tokens = tokens;
  }

  /** Sentences of the texts, in their order, with the white space behind each. */
  static Haystack of(List<String> texts, Tokenizer tokenizer) {
    List<String> sentences = new ArrayList<>();
    for (String text : texts) {
      BreakIterator breaks = BreakIterator.getSentenceInstance(Locale.ROOT);
      breaks.setText(text);
      int from = breaks.first();
      for (int to = breaks.next(); to != BreakIterator.DONE; to = breaks.next()) {
        sentences.add(text.substring(from, to));
        from = to;
      }
    }
    if (sentences.isEmpty()) {
      throw new ConfigException("the suite needs text to hide its facts in; give it with --input");
    }
    int[] tokens = sentences.stream().mapToInt(sentence -> tokens(sentence, tokenizer)).toArray();
    return new Haystack(sentences, tokens);
  }

  /** As it counts inside a text, where the blank before a word belongs to the word's token. */
  private static int tokens(String sentence, Tokenizer tokenizer) {
    String words = sentence.strip();
    int breaks =
        (int)
            sentence
                .substring(sentence.stripTrailing().length())
                .chars()
                .filter(c -> c == '\n')
                .count();
    return words.isEmpty() ? breaks : tokenizer.encode(" " + words, false).length + breaks;
  }

  boolean mentions(String words) {
    return sentences.stream().anyMatch(sentence -> sentence.contains(words));
  }

  /** Tokens of the shortest sentence that has any. */
  int shortest() {
    return Arrays.stream(tokens).filter(count -> count > 0).min().orElse(0);
  }

  /**
   * Consecutive sentences of at most so many tokens, from a random one on, from the beginning again
   * after the last. Passes over those that are longer than all of it (a table, a list of names):
   * one would end the text, or leave it empty, far below its length. Empty when none fits.
   */
  List<String> take(Random random, int maxTokens) {
    List<String> taken = new ArrayList<>();
    int at = random.nextInt(sentences.size());
    if (Arrays.stream(tokens).noneMatch(count -> count > 0 && count <= maxTokens)) {
      return taken;
    }
    int left = maxTokens;
    while (left >= tokens[at] || tokens[at] > maxTokens) {
      if (tokens[at] <= maxTokens) {
        taken.add(sentences.get(at));
        left -= tokens[at];
      }
      at = (at + 1) % sentences.size();
    }
    return taken;
  }

  /**
   * Sets sentences between the filler's at the given depths.
   *
   * @param depthPercents of each; 0 is before all filler, 100 behind it
   */
  static String hide(List<String> filler, List<String> hidden, List<Double> depthPercents) {
    List<String> text = new ArrayList<>(filler);
    List<Integer> order = new ArrayList<>();
    for (int i = 0; i < hidden.size(); i++) {
      order.add(i);
    }
    // from the back, so that a place counts filler sentences only
    order.sort((a, b) -> Double.compare(depthPercents.get(b), depthPercents.get(a)));
    for (int i : order) {
      int place = (int) Math.round(depthPercents.get(i) / 100 * filler.size());
      text.add(place, hidden.get(i).strip() + " ");
    }
    return String.join("", text).strip();
  }
}
