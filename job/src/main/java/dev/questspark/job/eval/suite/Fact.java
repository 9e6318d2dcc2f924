package dev.questspark.job.eval.suite;

import java.util.List;
import java.util.Random;

/**
 * A fact in the words that the demo model was trained on: "The access code of the amber falcon is
 * 71932."
 *
 * @param kind what the number is
 * @param owner adjective and noun
 */
record Fact(String kind, String owner, String number) {
  static final List<String> KINDS =
      List.of(
          "access code",
          "room number",
          "locker number",
          "badge number",
          "vault code",
          "ticket number",
          "account number",
          "gate code");
  private static final List<String> ADJECTIVES =
      List.of(
          "amber", "azure", "bronze", "copper", "crimson", "golden", "silver", "scarlet", "violet",
          "emerald", "ivory", "purple", "gentle", "brave", "clever", "silent", "hidden", "frozen",
          "broken", "ancient", "humble", "noble", "rapid", "lonely", "hollow", "crooked");
  private static final List<String> NOUNS =
      List.of(
          "falcon",
          "badger",
          "beaver",
          "bishop",
          "castle",
          "cottage",
          "dragon",
          "eagle",
          "engine",
          "fountain",
          "garden",
          "giraffe",
          "hammer",
          "harbor",
          "hermit",
          "island",
          "jaguar",
          "kettle",
          "knight",
          "ladder",
          "lantern",
          "leopard",
          "library",
          "lizard",
          "market");
  private static final int DIGITS = 5;

  /** A fact of a kind whose owner is in neither the text nor among the facts before. */
  static Fact draw(Random random, String kind, Haystack haystack, List<Fact> before) {
    while (true) {
      String owner = pick(random, ADJECTIVES) + " " + pick(random, NOUNS);
      boolean taken = before.stream().anyMatch(fact -> fact.owner.equals(owner));
      if (!taken && !haystack.mentions(owner)) {
        return new Fact(kind, owner, number(random));
      }
    }
  }

  static String pick(Random random, List<String> words) {
    return words.get(random.nextInt(words.size()));
  }

  /** Five digits, the first not zero. */
  static String number(Random random) {
    int least = (int) Math.pow(10, DIGITS - 1);
    return String.valueOf(least + random.nextInt(9 * least));
  }

  String sentence() {
    return "The " + kind + " of the " + owner + " is " + number + ".";
  }

  String question() {
    return "What is the " + kind + " of the " + owner + "?";
  }
}
