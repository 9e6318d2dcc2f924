package dev.questspark.job.chunk;

import java.util.Random;

/** Texts of every shape that a cut must cope with. */
final class RandomText {
  private static final String[] WORDS = {
    "the", "whale", "sank", "1851", "Überfahrt", "море", "鯨は白い", "שלום", "don't", "naïve", "🐋", "x"
  };
  private static final String[] ENDS = {". ", "! ", "? ", "。", ".\n", "\r\n", "; ", " "};
  private static final String[] HEADINGS = {
    "# One\n", "## Two three\n\n", "\n\nCHAPTER IV\n\n", "\f", "\n\nDer Sturm\n\n", "\n\n", "\r\r"
  };

  private RandomText() {}

  /** Sections of paragraphs of sentences of words, some of them without end. */
  static String document(Random random) {
    StringBuilder text = new StringBuilder();
    int sections = 1 + random.nextInt(6);
    for (int section = 0; section < sections; section++) {
      text.append(HEADINGS[random.nextInt(HEADINGS.length)]);
      int paragraphs = random.nextInt(5);
      for (int paragraph = 0; paragraph < paragraphs; paragraph++) {
        int sentences = 1 + random.nextInt(6);
        for (int sentence = 0; sentence < sentences; sentence++) {
          sentence(random, text);
        }
        text.append(random.nextInt(3) == 0 ? "\n" : "\n\n");
      }
    }
    if (text.toString().isBlank()) {
      sentence(random, text);
    }
    return text.toString();
  }

  private static void sentence(Random random, StringBuilder text) {
    int words = 1 + random.nextInt(random.nextInt(10) == 0 ? 200 : 14);
    String between = random.nextInt(8) == 0 ? "" : " ";
    for (int word = 0; word < words; word++) {
      text.append(WORDS[random.nextInt(WORDS.length)]).append(between);
    }
    text.append(ENDS[random.nextInt(ENDS.length)]);
  }
}
