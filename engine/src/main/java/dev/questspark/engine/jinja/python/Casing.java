package dev.questspark.engine.jinja.python;

import java.util.Locale;

/** Upper, lower and title case, and kinds of characters, as Python's strings tell them. */
public final class Casing {
  private Casing() {}

  /** Each word's first letter in title case. */
  static String title(String text) {
    StringBuilder out = new StringBuilder();
    boolean within = false;
    for (int c : text.codePoints().toArray()) {
      out.append(within ? Character.toString(c).toLowerCase(Locale.ROOT) : titled(c));
      within = isCased(c);
    }
    return out.toString();
  }

  static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = text.codePointAt(0);
    return titled(first) + text.substring(Character.charCount(first)).toLowerCase(Locale.ROOT);
  }

  /** The title case of one character, which may be several: the sharp s gives Ss. */
  private static String titled(int codePoint) {
    int title = Character.toTitleCase(codePoint);
    String upper = Character.toString(codePoint).toUpperCase(Locale.ROOT);
    if (title != codePoint || upper.codePointCount(0, upper.length()) == 1) {
      return Character.toString(title);
    }
    return upper.substring(0, 1) + upper.substring(1).toLowerCase(Locale.ROOT);
  }

  static String swap(String text) {
    StringBuilder out = new StringBuilder();
    for (int c : text.codePoints().toArray()) {
      String character = Character.toString(c);
      out.append(
          Character.isUpperCase(c)
              ? character.toLowerCase(Locale.ROOT)
              : Character.isLowerCase(c) ? character.toUpperCase(Locale.ROOT) : character);
    }
    return out.toString();
  }

  private static boolean isCased(int c) {
    return Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
  }

  public static boolean isUpper(String text) {
    return text.codePoints().anyMatch(Character::isUpperCase)
        && text.codePoints().noneMatch(c -> Character.isLowerCase(c) || Character.isTitleCase(c));
  }

  public static boolean isLower(String text) {
    return text.codePoints().anyMatch(Character::isLowerCase)
        && text.codePoints().noneMatch(c -> Character.isUpperCase(c) || Character.isTitleCase(c));
  }

  static boolean isTitle(String text) {
    boolean within = false;
    boolean any = false;
    for (int c : text.codePoints().toArray()) {
      boolean upper = Character.isUpperCase(c) || Character.isTitleCase(c);
      if (upper && within || !upper && isCased(c) && !within) {
        return false;
      }
      within = isCased(c);
      any |= within;
    }
    return any;
  }

  /** Decimal digits, superscripts, subscripts and digits in circles. */
  static boolean isDigit(int c) {
    return Character.isDigit(c)
        || c == 0xb2
        || c == 0xb3
        || c == 0xb9
        || c == 0x2070
        || c >= 0x2074 && c <= 0x2079
        || c >= 0x2080 && c <= 0x2089
        || c >= 0x2460 && c <= 0x2468
        || c >= 0x2474 && c <= 0x247c
        || c >= 0x2488 && c <= 0x2490
        || c == 0x24ea
        || c >= 0x24f5 && c <= 0x24fd
        || c == 0x24ff
        || c >= 0x2776 && c <= 0x277e
        || c >= 0x2780 && c <= 0x2788
        || c >= 0x278a && c <= 0x2792;
  }

  /** Whatever stands for a number, as Chinese numerals do. */
  public static boolean isNumeric(int c) {
    return switch (Character.getType(c)) {
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true;
      default -> c > 0x3000 && "〇一二三四五六七八九十百千万億兆零壱壹弐貳貮参參叁叄肆伍陸陆柒捌玖拾佰陌仟阡萬亿廾卅卌两兩幺漆".indexOf(c) >= 0;
    };
  }

  static boolean isIdentifier(String text) {
    int[] c = text.codePoints().toArray();
    for (int i = 0; i < c.length; i++) {
      boolean allowed =
          i == 0
              ? c[i] == '_' || Character.isUnicodeIdentifierStart(c[i])
              : Character.isUnicodeIdentifierPart(c[i]) && !Character.isIdentifierIgnorable(c[i]);
      if (!allowed) {
        return false;
      }
    }
    return c.length > 0;
  }
}
