package dev.questspark.job.eval.score;

import java.math.BigInteger;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Scores of answers that are numbers. */
final class Numbers {
  private static final Pattern PARAGRAPH = Pattern.compile("(?:Paragraph |段落)(\\p{Nd}+)");

  private Numbers() {}

  /** LongBench: share of the answer's numbers that name the right paragraph. */
  static double retrieval(String prediction, String reference) {
    Matcher paragraph = PARAGRAPH.matcher(reference);
    if (!paragraph.find()) {
      throw new IllegalArgumentException(
          "a retrieval reference must name a paragraph, such as 'Paragraph 7'; this one is '"
              + reference
              + "'");
    }
    return share(prediction, paragraph.group(1));
  }

  /** LongBench: share of the answer's numbers that are the right one. */
  static double count(String prediction, String reference) {
    return share(prediction, reference);
  }

  /** The passkey test of Quest's evaluation: the first number must be the key. */
  static double firstInteger(String prediction, String reference) {
    List<String> numbers = Words.numbers(prediction);
    return !numbers.isEmpty()
            && new BigInteger(numbers.get(0)).equals(new BigInteger(reference.strip()))
        ? 1
        : 0;
  }

  private static double share(String prediction, String number) {
    List<String> numbers = Words.numbers(prediction);
    if (numbers.isEmpty()) {
      return 0;
    }
    return (double) numbers.stream().filter(number::equals).count() / numbers.size();
  }
}
