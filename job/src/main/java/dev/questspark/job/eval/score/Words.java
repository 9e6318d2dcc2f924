package dev.questspark.job.eval.score;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Text as the published scorers see it. They are Python: white space, digits and word characters
 * are Unicode's, a character is a code point.
 */
final class Words {
  private static final Pattern SPACE = Pattern.compile("[\\s\\x1c-\\x1f\\x85\\p{Z}]+");
  private static final Pattern ASCII_PUNCTUATION = Pattern.compile("\\p{Punct}");
  private static final Pattern ARTICLE =
      Pattern.compile("(?<![\\p{L}\\p{N}_])(?:a|an|the)(?![\\p{L}\\p{N}_])");
  private static final Pattern DIGITS = Pattern.compile("\\p{Nd}+");

  private Words() {}

  /** SQuAD's normal form: lower case, no ASCII punctuation, no articles, single spaces. */
  static String normalized(String text) {
    String bare = ASCII_PUNCTUATION.matcher(text.toLowerCase(Locale.ROOT)).replaceAll("");
    return String.join(" ", split(ARTICLE.matcher(bare).replaceAll(" ")));
  }

  /** Words between white space. */
  static List<String> split(String text) {
    List<String> words = new ArrayList<>();
    for (String word : SPACE.split(text)) {
      if (!word.isEmpty()) {
        words.add(word);
      }
    }
    return words;
  }

  /** Runs of decimal digits of any script. */
  static List<String> numbers(String text) {
    List<String> numbers = new ArrayList<>();
    Matcher matcher = DIGITS.matcher(text);
    while (matcher.find()) {
      numbers.add(matcher.group());
    }
    return numbers;
  }

  /** How often each element occurs. */
  static Map<String, Integer> counts(List<String> words) {
    Map<String, Integer> counts = new HashMap<>();
    words.forEach(word -> counts.merge(word, 1, Integer::sum));
    return counts;
  }
}
